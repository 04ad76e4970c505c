// Shows /openapi.json: each route with its parameters, its body and its answers.

const description = await (await fetch('/openapi.json')).json();
const main = document.getElementById('routes');

function element(name, text = '', ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

// A schema with its references filled in, as readable JSON.
function resolved(schema, depth = 0) {
  if (!schema || depth > 6) return schema;
  if (schema.$ref) return resolved(schema.$ref.slice(2).split('/').reduce((value, key) => value[key], description), depth + 1);
  if (Array.isArray(schema)) return schema.map((each) => resolved(each, depth + 1));
  if (typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, depth + 1)]));
}

function contents(title, body) {
  return Object.entries(body?.content ?? {}).flatMap(([kind, { schema }]) => [
    element('h3', `${title}: ${kind}`), element('pre', JSON.stringify(resolved(schema), null, 2)),
  ]);
}

function parameters(list) {
  if (!list?.length) return [];
  const rows = list.map((each) => element('tr', '', element('td', each.name), element('td', each.in), element('td', each.description ?? '')));
  return [element('h3', 'Parameters'), element('table', '', ...rows)];
}

const groups = new Map();
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const summary = element('summary', '', element('span', method.toUpperCase()), ` ${path} `, element('small', route.summary));
    summary.firstChild.className = 'method';
    const details = element('details', '', summary, ...parameters(route.parameters), ...contents('Body', route.requestBody));
    for (const [status, answer] of Object.entries(route.responses)) {
      if (status < 300) details.append(...contents(`Answer ${status}`, answer));
    }
    const tag = route.tags?.[0] ?? '';
    groups.set(tag, [...groups.get(tag) ?? [], details]);
  }
}
for (const [tag, routes] of groups) main.append(element('h2', tag), ...routes);
