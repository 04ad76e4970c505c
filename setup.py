"""Installs the package mnist_graph and the command mnist-graph."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r"^__version__ = '(.+)'$", (HERE / 'mnist_graph/__init__.py').read_text(), re.M)[1]
REQUIREMENTS = [
    line for line in (HERE / 'requirements.txt').read_text().splitlines() if line and not line.startswith('#')
]
PLOTS = ['matplotlib>=3.9,<4']
SWEEP = ['optuna>=5.0,<5.1']
POSTGRESQL = ['psycopg[binary]>=3.2,<4']
TENSORBOARD = ['tensorboard>=2.19,<3', 'setuptools<81']
MAT = ['scipy>=1.13,<2']
PARQUET = ['pyarrow>=17']
# A well-kept copy of Keras 2, TensorFlow's contrib.layers and contrib.slim, and lib2to3, for run_tf1.
TF1 = ['tf_keras>=2.19,<3', 'tf_slim>=1.1,<2', 'fissix>=24,<25']
HEIC = ['pillow-heif>=1.0,<2']
SERVE = [
    'fastapi>=0.115,<1',
    'uvicorn>=0.30,<1',
    'httptools>=0.6,<1',
    'uvloop>=0.20,<1; sys_platform != "win32"',
    'python-multipart>=0.0.18,<1',
    'prometheus-client>=0.20,<1',
]
LITERT = ['ai-edge-litert>=2.1,<3']
ONNX = ['tf2onnx>=1.17,<2', 'onnxruntime>=1.20,<2']
TEST = [
    'import-linter>=2.1,<3',
    'mypy>=1.15,<3',
    'nbclient>=0.10,<1',
    'ipykernel>=6.29,<8',
    'pytest>=8,<10',
    'pytest-timeout>=2.3,<3',
    'pytest-xdist>=3.6,<4',
    'hypothesis>=6,<7',
    'ruff>=0.12,<1',
    *PLOTS,
    *SWEEP,
    *POSTGRESQL,
    *TENSORBOARD,
    *TF1,
    *LITERT,
    *ONNX,
    *MAT,
    *PARQUET,
    *HEIC,
    *SERVE,
    'httpx2>=2,<3',
    'selenium>=4.20,<5',
    'selenium-axe-python>=2.2,<3',
]

setup(
    name='mnist_graph',
    version=VERSION,
    author='The mnist_graph authors',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Development Status :: 5 - Production/Stable',
        'Intended Audience :: Developers',
        'Intended Audience :: Education',
        'Intended Audience :: Science/Research',
        # Where it is meant to run; docs/troubleshooting.md says what was tried where.
        'Operating System :: POSIX :: Linux',
        'Operating System :: MacOS :: MacOS X',
        'Operating System :: Microsoft :: Windows',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    description="A TensorFlow-1-style graph that learns to read handwritten digits, on today's TensorFlow.",
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    # The recipes stay in flags/; an installation has them as mnist_graph/recipes (see cli/recipes.py).
    packages=[*find_packages(include=['mnist_graph', 'mnist_graph.*']), 'mnist_graph.recipes'],
    package_dir={'mnist_graph.recipes': 'flags'},
    package_data={
        'mnist_graph': ['py.typed', 'pretrained/*.json', 'pretrained/checkpoints/*', 'serving/static/*'],
        'mnist_graph.recipes': ['*.flags'],
    },
    python_requires='>=3.11,<3.14',
    install_requires=REQUIREMENTS,
    extras_require={
        'plots': PLOTS,
        'sweep': SWEEP,
        'postgresql': POSTGRESQL,
        'tensorboard': TENSORBOARD,
        'tf1': TF1,
        'litert': LITERT,
        'onnx': ONNX,
        'mat': MAT,
        'parquet': PARQUET,
        'heic': HEIC,
        'serve': SERVE,
        'test': TEST,
    },
    entry_points={
        'console_scripts': [
            'mnist-graph = mnist_graph.main:console_main',
            'mnist-graph-worker = mnist_graph.worker:console_main',
            'mnist-graph-predict = mnist_graph.predict:console_main',
            'mnist-graph-evaluate = mnist_graph.evaluate:console_main',
            'mnist-graph-show = mnist_graph.show:console_main',
            'mnist-graph-export = mnist_graph.export:console_main',
            'mnist-graph-sweep = mnist_graph.sweep:console_main',
            'mnist-graph-serve = mnist_graph.serve:console_main',
            'mnist-graph-run-tf1 = mnist_graph.run_tf1:console_main',
        ]
    },
)
