// Pictures from elsewhere: chosen, dropped, pasted, or from the camera, which is asked for on a click only.

export function takePictures(onPicture, onMessage) {
  const file = document.getElementById('file'), frame = document.getElementById('frame');
  const take = (blob) => blob && onPicture(blob).catch(() => onMessage('This browser cannot show that file as a picture.'));
  document.getElementById('open').addEventListener('click', () => { file.removeAttribute('capture'); file.click(); });
  file.addEventListener('change', () => { take(file.files[0]); file.value = ''; });

  document.addEventListener('dragover', (event) => { event.preventDefault(); frame.classList.add('target'); });
  for (const name of ['dragleave', 'drop']) document.addEventListener(name, () => frame.classList.remove('target'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    const dropped = event.dataTransfer.files[0];
    if (dropped) take(dropped); else onMessage('That was no file; save the picture and drop the file.');
  });
  document.addEventListener('paste', (event) => {
    const pasted = [...event.clipboardData.files].find((each) => each.type.startsWith('image/'));
    if (pasted) take(pasted); else onMessage('There is no picture in the clipboard.');
  });
  document.getElementById('camera').addEventListener('click', () => {
    if (navigator.mediaDevices?.getUserMedia) photograph(take, onMessage);
    else { file.setAttribute('capture', 'environment'); file.click(); } // a phone opens its camera
  });
}

async function photograph(take, onMessage) {
  const dialog = document.getElementById('viewfinder'), video = dialog.querySelector('video');
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch {
    onMessage('There is no camera, or it may not be used.');
    return;
  }
  video.srcObject = stream;
  dialog.showModal();
  await video.play();
  const controls = new AbortController(), signal = controls.signal;
  dialog.addEventListener('close', () => {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    controls.abort();
  }, { signal });
  document.getElementById('cancel').addEventListener('click', () => dialog.close(), { signal });
  document.getElementById('shoot').addEventListener('click', async () => {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext('2d').drawImage(video, 0, 0);
    dialog.close();
    take(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 }));
  }, { signal });
}
