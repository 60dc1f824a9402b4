// What the reader has chosen, and which endpoints that leaves.

const state = { preset: 0, order: 0, text: '', provider: '', family: '', source: '', ranked: false, sort: 'rank', down: false };
const listeners = [];
const onChange = (listener) => listeners.push(listener);
const changed = () => listeners.forEach((listener) => listener());

/** Endpoints that the filters leave, in the order of the table. */
function chosen() {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  return sorted(ENDPOINTS.filter((endpoint) => {
    const text = [endpoint.id, endpoint.model, endpoint.model_family, endpoint.quantization, endpoint.region].join(' ').toLowerCase();
    return words.every((word) => text.includes(word))
      && (!state.provider || endpoint.provider === state.provider)
      && (!state.family || endpoint.model_family === state.family)
      && (!state.source || (state.source === 'embedded') === Boolean(endpoint.is_embedded))
      && (!state.ranked || (placeOf(state.preset, ORDERS[state.order], endpoint.e)?.rank ?? null) !== null);
  }));
}

/** By the column that was chosen; what has no value comes last, whichever way. */
function sorted(endpoints) {
  const order = ORDERS[state.order];
  const better = (value) => (order.higher_is_better ? -value : value);
  const keys = new Map(endpoints.map((endpoint) => [endpoint.e, sortKey(endpoint, better)]));
  const way = state.down ? -1 : 1;
  return [...endpoints].sort((a, b) => {
    const [one, two] = [keys.get(a.e), keys.get(b.e)];
    for (let i = 0; i < one.length; i += 1) {
      if (one[i] === two[i]) continue;
      if (one[i] === null) return 1;
      if (two[i] === null) return -1;
      const less = typeof one[i] === 'string' ? one[i].localeCompare(two[i], 'en') : one[i] - two[i];
      if (less) return i === 0 ? way * less : less;
    }
    return a.e - b.e;
  });
}

function sortKey(endpoint, better) {
  if (state.sort === 'name') return [endpoint.id];
  const by = state.sort === 'rank' ? ORDERS[state.order] : orderNamed(state.sort);
  const row = by ? placeOf(state.preset, by, endpoint.e) : null;
  const value = row?.value ?? null;
  if (state.sort === 'rank') return [row?.rank ?? null, value === null ? null : better(value), endpoint.id];
  return [value, endpoint.id];
}

function options(select, values, all) {
  if (all !== null) select.append(el('option', { value: '' }, all));
  for (const value of values) select.append(el('option', { value }, value));
}

function setUpFilters() {
  PRESETS.forEach((preset, index) => {
    const input = el('input', { type: 'radio', name: 'preset', value: index, checked: index === 0 });
    input.addEventListener('change', () => { state.preset = index; changed(); });
    $('presets').append(el('label', null, input, el('span', null, presetLabel(preset))));
  });
  ORDERS.forEach((order, index) => $('order').append(el('option', { value: index }, order.label + (order.modeled ? ' (MODELED)' : ''))));
  const unique = (name) => [...new Set(ENDPOINTS.map((endpoint) => endpoint[name]).filter(Boolean))].sort();
  options($('provider'), unique('provider'), 'all');
  options($('family'), unique('model_family'), 'all');
  $('order').addEventListener('change', () => {
    Object.assign(state, { order: Number($('order').value), sort: 'rank', down: false });
    changed();
  });
  for (const name of ['provider', 'family', 'source']) {
    $(name).addEventListener('change', () => { state[name] = $(name).value; changed(); });
  }
  $('ranked').addEventListener('change', () => { state.ranked = $('ranked').checked; changed(); });
  let waiting = 0;
  $('text').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.text = $('text').value; changed(); }, 120);
  });
  $('filters').addEventListener('submit', (event) => event.preventDefault());
  $('filters').addEventListener('reset', () => {
    Object.assign(state, { preset: 0, order: 0, text: '', provider: '', family: '', source: '', ranked: false, sort: 'rank', down: false });
    setTimeout(changed);
  });
}

/** `chat 3:1`, with its cached share where it has one. */
function presetLabel(preset) {
  const ratio = preset.input_ratio === null ? '' : ` ${preset.input_ratio}:${preset.output_ratio}`;
  return preset.name + ratio + (preset.cached_share ? `, ${Math.round(100 * preset.cached_share)} % cached` : '');
}
