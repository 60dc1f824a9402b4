// The leaderboard: a grid of one tab stop; arrows move in it, Enter opens where a figure comes from.

// Where all are embedded the head of the page says so, once.
const MIXED = new Set(ENDPOINTS.map((endpoint) => Boolean(endpoint.is_embedded))).size > 1;
const SAID = { honest_floor: 'measures the floor', no_reference: 'no reference', no_score: 'no score' };

function drawTable() {
  const shown = chosen();
  const ranked = ORDERS[state.order];
  const scales = new Map(ORDERS.map((order) => [order.o, scaleOf(order)]));
  const count = ENDPOINTS.filter((endpoint) => (placeOf(state.preset, ranked, endpoint.e)?.rank ?? null) !== null).length;
  const body = el('tbody', null, shown.map((endpoint) => tableRow(endpoint, ranked, scales, count)));
  $('table').replaceChildren(el('caption', { class: 'hidden' }, `Endpoints ranked by ${ranked.label}, workload ${PRESETS[state.preset].name}`), tableHead(ranked), body);
  $('table').setAttribute('role', 'grid');
  body.querySelector('th, td')?.setAttribute('tabindex', '0');
  $('count').replaceChildren(`${shown.length} of ${ENDPOINTS.length} endpoints; ${count} ranked by ${ranked.label}${ranked.modeled ? ' (MODELED)' : ''}`
    + `, ${ranked.higher_is_better ? 'more' : 'less'} is better. Told apart by: ${ranked.test}.`);
}

/** Over all endpoints of the day, so that a filter moves no mark. */
function scaleOf(order) {
  const figures = ENDPOINTS.map((endpoint) => figureOf(state.preset, order, endpoint.e)).filter((found) => found && found.v !== null);
  return columnScale(figures.flatMap((found) => [found.v, found.lo, found.hi]), order.scale);
}

function tableHead(ranked) {
  const head = (name, label, unit, extra) => {
    const sort = state.sort === name ? (state.down ? 'descending' : 'ascending') : 'none';
    const button = el('button', { type: 'button', 'data-sort': name }, label);
    button.addEventListener('click', () => sortBy(name));
    return el('th', { scope: 'col', 'aria-sort': sort, class: extra, 'data-label': label }, button, unit ? el('small', null, unit) : null);
  };
  return el('thead', null, el('tr', null,
    head('rank', 'Rank', 'interval', null), head('name', 'Endpoint', null, 'name'),
    ORDERS.map((order) => head(order.name, order.head, [order.unit, order.modeled ? [' ', el('b', { class: 'tag modeled' }, 'MODELED')] : null].flat(),
      order === ranked ? 'by' : null))));
}

/** A first click shows the best first, a second one turns it round. */
function sortBy(name) {
  const best = orderNamed(name)?.higher_is_better ?? false;
  state.down = state.sort === name ? !state.down : best;
  state.sort = name;
  changed();
  document.querySelector(`[data-sort="${CSS.escape(name)}"]`)?.focus();
}

function tableRow(endpoint, ranked, scales, count) {
  return el('tr', { 'data-e': endpoint.e },
    el('td', { tabindex: '-1', 'data-o': ranked.o }, rankCell(endpoint, ranked, count)),
    el('th', { scope: 'row', class: 'name', tabindex: '-1', 'data-o': 'endpoint' }, nameCell(endpoint)),
    ORDERS.map((order) => el('td', { tabindex: '-1', 'data-o': order.o, class: order.modeled ? 'modeled' : (order.name === 'quality' ? 'roomy' : null) }, figureCell(endpoint, order, scales.get(order.o)))));
}

/** May be broken after its slashes and hyphens, and nowhere else while there is room. */
const breakable = (text) => text.split(/(?<=[/-])/).flatMap((part, index) => (index ? [el('wbr'), part] : [part]));

function nameCell(endpoint) {
  const [served, sku] = endpoint.id.split(/@(.*)/s);
  return [
    el('b', null, breakable(served)), sku ? el('span', null, `@${sku} `) : null,
    endpoint.is_reference ? el('i', { class: 'tag' }, 'REFERENCE') : null,
    endpoint.is_embedded && MIXED ? el('i', { class: 'tag', title: 'served by the embedded fleet, its provider and prices invented' }, 'EMBEDDED') : null,
  ];
}

function rankCell(endpoint, order, count) {
  const found = placeOf(state.preset, order, endpoint.e);
  if (!found || found.rank === null) return [el('div', { class: 'none' }, 'not ranked'), el('div', { class: 's' }, found?.rank_note ?? 'not measured')];
  const shared = sharing(order, found) > 1;
  const scale = columnScale([1, Math.max(count, 2)], [1, Math.max(count, 2)]);
  return [
    el('div', { class: 'v' }, (shared ? '=' : '') + found.rank),
    mark(scale, found.rank, found.rank_lo, found.rank_hi),
    el('div', { class: 's' }, found.rank_lo === found.rank_hi ? `of ${count}` : `${found.rank_lo} to ${found.rank_hi} of ${count}`),
    found.close === null ? null : el('div', { class: 's', title: `to be told from ${ENDPOINTS[found.close].id}` },
      found.more_n === null ? 'not told from next' : `needs ~${GROUPED.format(found.more_n)} more`),
  ];
}

function figureCell(endpoint, order, scale) {
  const found = figureOf(state.preset, order, endpoint.e);
  const extra = besideCell(endpoint, order);
  if (!found || found.v === null) {
    const bound = found && found.lo !== null ? `more than ${short(found.lo)}` : 'cannot tell';
    return [valueLine(el('span', { class: 'none' }, bound), found?.n ?? null), el('div', { class: 's' }, found?.rank_note ?? 'not measured'), ...extra];
  }
  const exact = found.lo !== null && found.lo === found.hi;
  const interval = exact ? null : between(found.lo, found.hi);
  const bound = order.name === 'context_effective_tokens' || order.name.startsWith('e2e_p90');
  if (intervalAlone(order, state.preset, endpoint.e)) {
    return [valueLine(interval, found.n), mark(scale, null, found.lo, found.hi), el('div', { class: 's' }, found.rank_note ?? 'outside of the model: interval alone')];
  }
  return [
    valueLine(short(found.v), found.n),
    mark(scale, found.v, exact ? null : found.lo, exact ? null : found.hi),
    exact || (bound && !interval) ? null : el('div', { class: 's' }, interval ?? 'no interval'),
    found.rank === null ? el('div', { class: 's' }, `not ranked: ${found.rank_note}`) : null,
    ...extra,
  ];
}

const valueLine = (value, n) => el('div', { class: 'v' }, value, n === null ? null : el('small', null, ` n ${GROUPED.format(n)}`));

/** What must be read with the figure. */
function besideCell(endpoint, order) {
  const line = (text, warn) => el('div', { class: warn ? 's warn' : 's' }, text);
  if (order.name === 'quality' && endpoint.versus_reference) {
    return [line(endpoint.versus_reference === 'reference' ? 'is the reference' : `ref.: ${endpoint.versus_reference}`, endpoint.versus_reference === 'below'), endpoint.quality_truncation_limited ? line('limited by the cap', true) : null];
  }
  if (order.name === 'fidelity' && endpoint.fidelity_verdict) {
    const bad = ['suspect', 'different'].includes(endpoint.fidelity_verdict);
    const channels = bad && endpoint.fidelity_channels_named ? `: ${endpoint.fidelity_channels_named}` : '';
    return [line((SAID[endpoint.fidelity_verdict] ?? endpoint.fidelity_verdict) + channels, bad)];
  }
  if (order.name === 'context_effective_tokens') {
    return [endpoint.context_tokens === null ? null : line(`of ${GROUPED.format(endpoint.context_tokens)}`), endpoint.context_truncating ? line('TRUNCATES', true) : null];
  }
  return [];
}

function setUpTable() {
  const table = $('table');
  const cellOf = (target) => target.closest('tbody td, tbody th');
  table.addEventListener('click', (event) => { const cell = cellOf(event.target); if (cell) openCell(cell); });
  table.addEventListener('keydown', (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); openCell(cell); return; }
    const next = neighbour(cell, event);
    if (next) { event.preventDefault(); moveTo(next); }
  });
}

function neighbour(cell, event) {
  const row = cell.parentElement;
  const at = [...row.cells].indexOf(cell);
  const rows = row.parentElement.rows;
  switch (event.key) {
    case 'ArrowRight': return row.cells[at + 1];
    case 'ArrowLeft': return row.cells[at - 1];
    case 'ArrowDown': return row.nextElementSibling?.cells[at];
    case 'ArrowUp': return row.previousElementSibling?.cells[at];
    case 'Home': return (event.ctrlKey ? rows[0] : row).cells[0];
    case 'End': return [...(event.ctrlKey ? rows[rows.length - 1] : row).cells].at(-1);
    case 'PageDown': return rows[Math.min(rows.length - 1, row.sectionRowIndex + 10)].cells[at];
    case 'PageUp': return rows[Math.max(0, row.sectionRowIndex - 10)].cells[at];
    default: return null;
  }
}

function moveTo(cell) {
  $('table').querySelector('tbody [tabindex="0"]')?.setAttribute('tabindex', '-1');
  cell.setAttribute('tabindex', '0');
  cell.focus();
}

function openCell(cell) {
  moveTo(cell);
  const e = Number(cell.parentElement.dataset.e);
  if (cell.dataset.o === 'endpoint') openEndpoint(e);
  else openFigure(e, ORDERS[Number(cell.dataset.o)]);
}
