// Each section below the leaderboard: its charts, the data behind them, and a sentence where a table is not there.

const body = (id) => $(id).querySelector(':scope > div');
const missing = (table, then) => el('p', { class: 'muted' }, `This database has no table ${table}: ${then}`);
const seen = (endpoint) => ({ id: endpoint.id, family: endpoint.model_family, e: endpoint.e });
const preset = () => PRESETS[state.preset];

function figure(caption, ...parts) {
  return el('figure', null, el('figcaption', null, caption), ...parts);
}

/** The data behind a chart, made anew each time that it is opened. */
function dataBehind(caption, headers, rows) {
  const box = el('details', null, el('summary', null, 'Show data'));
  const fill = () => { if (box.open) box.replaceChildren(box.firstChild, dataTable(caption, headers, rows())); };
  box.addEventListener('toggle', fill);
  onChange(fill);
  return box;
}

function buildPrice() {
  const [price, speed] = [orderNamed('blended_usd_per_mtok'), orderNamed('output_speed_tok_s')];
  if (!price || !speed) { body('price').append(missing('ranks with price and speed', 'nothing to draw.')); return; }
  const rows = () => chosen().map((endpoint) => {
    const [cost, fast] = [figureOf(state.preset, price, endpoint.e), figureOf(state.preset, speed, endpoint.e)];
    if (!cost || !fast || cost.v === null || fast.v === null || fast.rank === null) return null;
    return { ...seen(endpoint), x: cost.v, y: fast.v, ylo: fast.lo, yhi: fast.lo === null ? null : fast.hi, n: fast.n,
      tip: `${endpoint.id}\n${short(fast.v)} tok/s ${between(fast.lo, fast.hi) ? `[${between(fast.lo, fast.hi)}]` : '(no interval)'}, n ${fast.n}\n$${short(cost.v)} per million tokens, ${preset().name}` };
  }).filter(Boolean);
  const box = chart('Scatter of output speed against blended price, one point an endpoint, with 95 % intervals of speed', (width) => scatter(rows(), { title: 'blended list price, USD per million tokens' }, { title: 'output speed, tokens per second (median, 95 % interval)', better: 1 }, width), 'No endpoint has both figures.');
  onChange(box.redraw);
  body('price').append(figure('Up and to the left is better. The dashed line joins the endpoints that none beats in both (by their middles; where intervals overlap no order is claimed). A hollow point has no interval: too few probes.', box,
    dataBehind('Speed and price', ['endpoint', 'USD / Mtok', 'tok/s', 'interval', 'n'], () => rows().map((row) => [row.id, short(row.x), short(row.y), between(row.ylo, row.yhi) ?? 'no interval', row.n]))));
  if (DATA.effective) body('price').append(effectivePrices());
  else body('price').append(missing('blended_prices with an effective blend', 'what wordiness adds to the price is not shown.'));
}

function effectivePrices() {
  const all = rowsOf(DATA.effective);
  return folded('List and effective blend', () => dataTable('The effective blend weighs output by how wordy the endpoint is beside its family (measured)',
    ['endpoint', 'workload', 'list blend, USD / Mtok', 'effective blend', 'output multiplier', 'n', 'why not'],
    all.map((row) => [ENDPOINTS[row.e].id, row.preset, short(row.blended_usd_per_mtok), short(row.effective_usd_per_mtok), short(row.output_multiplier), row.output_multiplier_n, row.no_price_because ?? row.no_effective_because ?? ''])));
}

function buildEnergy() {
  if (!DATA.energy) { body('energy').append(missing('energy_per_correct', 'energy has not been modeled for this day.')); return; }
  const cost = orderNamed('usd_per_correct');
  const all = rowsOf(DATA.energy);
  const domain = ENDPOINTS.find((endpoint) => endpoint.domain)?.domain;
  const of = () => new Map(all.filter((row) => row.mix === preset().name && row.domain === domain).map((row) => [row.e, row]));
  const rows = () => {
    const modeled = of();
    return chosen().map((endpoint) => {
      const [usd, joules] = [cost && figureOf(state.preset, cost, endpoint.e), modeled.get(endpoint.e)];
      if (!usd || usd.v === null || !joules || joules.energy_j_per_correct_p50 === null) return null;
      requireInterval(joules.energy_j_per_correct_p50, joules.energy_j_per_correct_p5, joules.energy_j_per_correct_p95, 'J per correct answer');
      return { ...seen(endpoint), x: usd.v, xlo: usd.lo, xhi: usd.lo === null ? null : usd.hi, y: joules.energy_j_per_correct_p50, ylo: joules.energy_j_per_correct_p5, yhi: joules.energy_j_per_correct_p95, n: usd.n, grade: joules.evidence_grade, boxed: joules.evidence_grade === 'D', rank: joules.rank, note: joules.rank_note,
        tip: `${endpoint.id}\n$: ${short(usd.v)} [${between(usd.lo, usd.hi) ?? 'no interval'}] ${cost.unit}\nJ: ${joules.evidence_grade === 'D' ? '' : `${short(joules.energy_j_per_correct_p50)} `}[${between(joules.energy_j_per_correct_p5, joules.energy_j_per_correct_p95)}] MODELED, grade ${joules.evidence_grade}` };
    }).filter(Boolean);
  };
  const box = chart('Scatter of dollars against modeled joules per correct answer, with intervals of both and the Pareto front', (width) => scatter(rows(), { title: `${cost?.unit ?? 'USD'} (measured, 95 % interval)` }, { title: 'J per correct answer (MODELED, P5 to P95)', better: -1 }, width), 'No endpoint has both figures for this workload.');
  onChange(box.redraw);
  body('energy').append(figure([el('b', { class: 'tag modeled' }, 'MODELED'), ' Energy is modeled from tokens (measured) and constants of hardware, serving and facility; only the provider could measure it. Down and to the left is better; the dashed line is the Pareto front of the middles, and where intervals overlap no order is claimed. A box: outside of the model (grade D), of which the interval alone is shown.'], box,
    dataBehind('Dollars and joules per correct answer', ['endpoint', cost?.unit ?? 'USD', 'interval', 'J per correct, MODELED: P50', 'P5 to P95', 'grade', 'rank by energy', 'n'], () => rows().map((row) => [row.id, short(row.x), between(row.xlo, row.xhi) ?? 'no interval', row.boxed ? 'interval alone' : short(row.y), between(row.ylo, row.yhi), row.grade, row.rank ?? row.note, row.n]))));
  body('energy').append(DATA.energy_daily ? energyOfRequests() : missing('energy_daily', 'energy of one request is not shown.'));
}

function energyOfRequests() {
  const all = rowsOf(DATA.energy_daily);
  const triple = (row, name) => {
    const [p5, p50, p95] = ['p5', 'p50', 'p95'].map((end) => row[`${name}_${end}`]);
    requireInterval(p50, p5, p95, name);
    return p50 === null ? null : row.evidence_grade === 'D' ? `[${between(p5, p95)}]` : `${short(p50)} [${between(p5, p95)}]`;
  };
  return folded('Energy and carbon of one request (MODELED)', () => dataTable('MODELED; P50 [P5 to P95]', ['endpoint', 'workload', 'J a request', 'g CO2e a request', 'grid', 'grade', 'assumed', 'would narrow it most'],
    all.map((row) => [ENDPOINTS[row.e].id, row.workload, triple(row, 'energy_j_per_request') ?? row.not_modeled_because, triple(row, 'gco2e_per_request'), row.region === null ? '-' : `${row.region} (${row.region_basis})`, row.evidence_grade, row.assumptions, row.would_narrow])));
}

function buildLatency() {
  const found = new Map(rowsOf(DATA.ttft).map((row) => [row.e, row]));
  if (!found.size) { body('latency').append(el('p', { class: 'muted' }, 'No probe of the day has a time to first token.')); return; }
  const rows = () => chosen().filter((endpoint) => found.has(endpoint.e)).map((endpoint) => {
    const { q, n, n_failed: failed } = found.get(endpoint.e);
    return { id: endpoint.id, n, failed, min: q[0], p5: q[1], p25: q[5], p50: q[10], p75: q[15], p90: q[18], p95: q[19], max: q[20],
      tip: `${endpoint.id}\nP5 ${short(q[1])}  P25 ${short(q[5])}  P50 ${short(q[10])}  P75 ${short(q[15])}  P90 ${short(q[18])}  P95 ${short(q[19])} ms\nn ${n}, failed ${failed}` };
  });
  const box = stripChart('Distribution of the time to first token of each endpoint: P5 to P95 thin, P25 to P75 thick, median and P90 marked', rows, (shown, width) => strip(shown, width, { title: 'time to first token, ms', type: logScale(shown.flatMap((row) => [row.p5, row.max])) }, (x, y) => [
    { mark: { type: 'rule', strokeWidth: 1, stroke: 'var(--mark)' }, encoding: { y, x: x('p5'), x2: { field: 'p95' } } },
    { mark: { type: 'rule', strokeWidth: 7, stroke: 'var(--interval)' }, encoding: { y, x: x('p25'), x2: { field: 'p75' } } },
    { mark: { type: 'tick', thickness: 2.5, size: 13, color: 'var(--mark)' }, encoding: { y, x: x('p50') } },
    { mark: { type: 'point', shape: 'triangle-up', size: 36, stroke: 'var(--mark)', fill: 'var(--bg)', strokeWidth: 1.3 }, encoding: { y, x: x('p90') } },
    { mark: { type: 'point', shape: 'circle', size: 9, filled: true, color: 'var(--mark)', opacity: 1 }, encoding: { y, x: x('max') } },
    { mark: { type: 'bar', opacity: 0 }, encoding: { y, x: x('p5'), x2: { field: 'max' }, tooltip: { field: 'tip' } } },
  ]), 'No endpoint that is shown has a time to first token.');
  body('latency').append(figure('Every probe of the day behind the headline figure. Thin line: P5 to P95; bar: P25 to P75; stroke: median; triangle: P90; dot: the slowest. Quantiles of a few probes describe those probes, not the tail; failures have no time and are counted beside.', box,
    dataBehind('Quantiles of the time to first token, ms', ['endpoint', 'min', 'P5', 'P25', 'P50', 'P75', 'P90', 'P95', 'max', 'n', 'failed'], () => rows().map((row) => [row.id, ...['min', 'p5', 'p25', 'p50', 'p75', 'p90', 'p95', 'max'].map((name) => short(row[name])), row.n, row.failed]))));
}

const VERDICTS = ['consistent', 'suspect', 'different', 'undetermined', 'honest_floor', 'other'];
const VERDICT_SHAPES = ['circle', 'triangle-up', 'cross', 'square', 'diamond', 'stroke'];

function buildFidelity() {
  if (!DATA.fidelity) { body('fidelity').append(missing('fidelity_daily', 'fidelity has not been measured.')); return; }
  const found = new Map(rowsOf(DATA.fidelity).map((row) => [row.e, row]));
  const rows = () => chosen().filter((endpoint) => (found.get(endpoint.e)?.fidelity ?? null) !== null).map((endpoint) => {
    const row = found.get(endpoint.e);
    const reference = row.reference === null ? 'none' : ENDPOINTS[row.reference].id;
    return { id: endpoint.id, family: endpoint.model_family, v: row.fidelity, lo: row.fidelity_lo, hi: row.fidelity_hi, n: row.fidelity_n_prompts, floor: row.fidelity_self_floor, verdict: VERDICTS.includes(row.verdict) ? row.verdict : 'other', said: row.verdict, channels: row.channels_named, reference,
      tip: `${endpoint.id}\nF ${short(row.fidelity)} [${between(row.fidelity_lo, row.fidelity_hi) ?? 'no interval'}], n ${row.fidelity_n_prompts} prompts\nself floor ${short(row.fidelity_self_floor)}\n${row.verdict}${row.channels_named ? `: ${row.channels_named}` : ''}\nreference ${reference}` };
  }).sort((a, b) => String(a.family).localeCompare(String(b.family)) || b.v - a.v);
  const colours = ['var(--c1)', 'var(--c2)', 'var(--c6)', 'var(--c8)', 'var(--c3)', 'var(--c8)'];
  const verdict = (legend) => ({ color: { field: 'verdict', type: 'nominal', scale: { domain: VERDICTS, range: colours }, legend }, shape: { field: 'verdict', type: 'nominal', scale: { domain: VERDICTS, range: VERDICT_SHAPES }, legend } });
  const box = stripChart('Fidelity of each endpoint with its interval and the self floor of its reference', rows, (shown, width) => {
    const legend = { orient: 'bottom', title: 'verdict', direction: 'horizontal', columns: width < 640 ? 3 : 6, values: VERDICTS.filter((name) => shown.some((row) => row.verdict === name)) };
    return strip(shown, width, { title: 'F, points: 100 = as alike as the reference is to itself' }, (x, y) => [
      { data: { values: [{ at: 100 }] }, mark: { type: 'rule', stroke: 'var(--strong)', strokeWidth: 1 }, encoding: { x: x('at') } },
      ...layerOf(shown, (row) => row.lo !== null && row.hi !== null, { type: 'rule', strokeWidth: 5, opacity: 0.35 }, { y, x: x('lo'), x2: { field: 'hi' }, color: verdict(legend).color }),
      ...layerOf(shown, (row) => row.floor !== null, { type: 'tick', thickness: 1.5, size: 15, color: 'var(--ink)', strokeDash: [2, 2] }, { y, x: x('floor') }),
      { mark: { type: 'point', filled: true, size: 55, opacity: 1 }, encoding: { y, x: x('v'), ...verdict(legend), tooltip: { field: 'tip' } } },
    ]);
  }, 'No endpoint that is shown has a score.');
  body('fidelity').append(figure('Do two endpoints of one model give the same answers? Point: F over seven days with its 95 % interval; dashed stroke: the self floor, what the reference scores against itself. By family, most alike first. The verdict comes from all channels, not from F alone.', box,
    dataBehind('Fidelity', ['endpoint', 'F', 'interval', 'n prompts', 'self floor', 'verdict', 'channels', 'reference'], () => rows().map((row) => [row.id, short(row.v), between(row.lo, row.hi) ?? 'no interval', row.n, short(row.floor), row.said, row.channels, row.reference]))));
  body('fidelity').append(fidelityOverDays());
}

/** Small multiples of one family, each endpoint's F over days with the floor. */
function fidelityOverDays() {
  const series = DATA.history.series.fidelity?.['*'] ?? {};
  const families = [...new Set(Object.keys(series).map((e) => ENDPOINTS[e].model_family))].filter(Boolean).sort();
  if (!families.length) return el('p', { class: 'muted' }, 'No endpoint has a score on any of the last 30 days.');
  const grid = el('div', { class: 'multiples' });
  const select = el('select', null, families.map((family) => el('option', { value: family }, family)));
  const draw = () => {
    grid.querySelectorAll('.chart').forEach((box) => drawn.delete(box));
    grid.replaceChildren(...Object.keys(series).filter((e) => ENDPOINTS[e].model_family === select.value).map((e) => {
      const [v, lo, hi] = series[e];
      return el('div', null, el('h3', null, ENDPOINTS[e].id), overDays(`Fidelity of ${ENDPOINTS[e].id} over days`, DATA.history.days, [{ name: ENDPOINTS[e].id, v, lo, hi }], { unit: 'points', floor: DATA.history.floor[e], events: eventsOf(e), height: 90 }));
    }));
    drawWhenIdle();
  };
  select.addEventListener('change', draw);
  draw();
  return el('div', null, el('h3', null, 'Over days'), el('p', { class: 'pick' }, el('label', null, 'Family', select)), el('p', { class: 'key muted' }, 'Bars: 95 % intervals; dotted: self floor of the reference.'), grid);
}

function buildContext() {
  if (!DATA.context) { body('context').append(missing('context_daily', 'context has not been measured.')); return; }
  const found = new Map(rowsOf(DATA.context).map((row) => [row.e, row]));
  const rows = () => chosen().filter((endpoint) => found.has(endpoint.e)).map((endpoint) => {
    const row = found.get(endpoint.e);
    const says = row.truncating ? 'TRUNCATES' : (row.effective_tokens === null ? row.status.replaceAll('_', ' ') : '');
    return { id: endpoint.id, advertised: row.advertised_tokens, effective: row.effective_tokens, lo: row.effective_tokens === null ? null : row.lo, hi: row.effective_tokens === null ? null : row.hi, at: row.advertised_tokens, says, note: row.note, base: row.base_accuracy,
      tip: `${endpoint.id}\nadvertised ${short(row.advertised_tokens)}, effective ${row.effective_tokens === null ? `cannot tell (${row.status})` : short(row.effective_tokens)} tokens\nlast accepted ${short(row.lo)}, first that was not ${row.hi === null ? 'none' : short(row.hi)}${row.note ? `\n${row.note}` : ''}` };
  }).filter((row) => row.advertised !== null || row.effective !== null);
  const box = stripChart('Effective against advertised context of each endpoint, tokens', rows, (shown, width) => strip(shown, width, { title: 'tokens', type: 'log', base: 2 }, (x, y) => [
    ...layerOf(shown, (row) => row.advertised !== null && row.effective !== null, { type: 'rule', stroke: 'var(--line)', strokeWidth: 2 }, { y, x: x('effective'), x2: { field: 'advertised' } }),
    ...layerOf(shown, (row) => row.lo !== null && row.hi !== null, { type: 'rule', stroke: 'var(--interval)', strokeWidth: 6 }, { y, x: x('lo'), x2: { field: 'hi' } }),
    ...layerOf(shown, (row) => row.advertised !== null, { type: 'point', shape: 'diamond', size: 60, fill: 'var(--bg)', stroke: 'var(--muted)', strokeWidth: 1.4 }, { y, x: x('advertised'), tooltip: { field: 'tip' } }),
    ...layerOf(shown, (row) => row.effective !== null, { type: 'point', shape: 'circle', filled: true, size: 55, color: 'var(--mark)', opacity: 1 }, { y, x: x('effective'), tooltip: { field: 'tip' } }),
    ...layerOf(shown, (row) => row.says !== '' && row.at !== null, { type: 'text', align: 'right', dx: -9, fontSize: 10.5, fill: 'var(--warn)' }, { y, x: x('at'), text: { field: 'says' } }),
  ]), 'No endpoint that is shown was asked.');
  body('context').append(figure('Diamond: advertised. Dot: effective, the longest length up to which accuracy stays at 0.85 of that in a short context; the bar ends at the first length that failed. Where there is no dot, the reason stands in its place.', box,
    dataBehind('Context, tokens', ['endpoint', 'advertised', 'effective', 'last accepted', 'first not accepted', 'short-context accuracy', 'note'], () => rows().map((row) => [row.id, short(row.advertised), row.effective === null ? row.says || 'cannot tell' : short(row.effective), short(row.lo), row.hi === null ? 'none' : short(row.hi), short(row.base), row.note]))));
}

const EVENTS = rowsOf(DATA.changes);
const eventsOf = (e) => EVENTS.filter((event) => event.e === Number(e));
const past = { e: 0, other: '' };

function buildHistory() {
  const names = ENDPOINTS.map((endpoint) => endpoint.id);
  past.e = sorted(ENDPOINTS)[0].e;
  const pick = el('select', { id: 'history-endpoint' }, names.map((name, e) => el('option', { value: e, selected: e === past.e }, name)));
  const other = el('select', null, el('option', { value: '' }, 'none'), names.map((name, e) => el('option', { value: e }, name)));
  const grid = el('div', { class: 'multiples', id: 'history-grid' });
  const says = el('div');
  pick.addEventListener('change', () => { past.e = Number(pick.value); drawHistory(grid, says); });
  other.addEventListener('change', () => { past.other = other.value; drawHistory(grid, says); });
  onChange(() => { if (grid.dataset.preset !== preset().name) drawHistory(grid, says); });
  const days = DATA.history.days;
  body('history').append(
    el('p', { class: 'muted' }, `${days.length} ${days.length === 1 ? 'day' : 'days'}, ${days[0]} to ${days.at(-1)}. Bars: 95 % intervals (of what is modeled P5 to P95); a point without one has too few probes; a dashed upright line: a change that was found.`),
    el('div', { class: 'pick' }, el('label', null, 'Endpoint', pick), el('label', null, 'Compare with', other)), says, grid);
  drawHistory(grid, says);
}

function drawHistory(grid, says) {
  grid.dataset.preset = preset().name;
  const events = eventsOf(past.e);
  says.replaceChildren(...events.map((event) => el('p', { class: 'warn' }, `Change on ${event.changed_on} (${event.changed_lo} to ${event.changed_hi}), probability ${short(event.probability)}: ${event.claim ?? event.verdict}${event.metrics ? `; seen in ${event.metrics}` : ''}`)));
  grid.querySelectorAll('.chart').forEach((box) => drawn.delete(box));
  const seriesOf = (order, e) => {
    const own = DATA.history.series[order.name]?.[order.by_preset ? preset().name : '*']?.[e];
    if (!own) return null;
    const times = (values) => values.map((value) => (value === null ? null : value * order.factor));
    return { name: ENDPOINTS[e].id, v: times(own[0]), lo: times(own[1]), hi: times(own[2]), alone: intervalAlone(order, state.preset, e) };
  };
  grid.replaceChildren(...ORDERS.map((order) => {
    const series = [seriesOf(order, past.e), past.other === '' ? null : seriesOf(order, past.other)].filter(Boolean);
    const title = el('h3', null, order.label, ' ', el('small', null, order.unit), order.modeled ? [' ', el('b', { class: 'tag modeled' }, 'MODELED')] : null);
    const small = series.length ? overDays(`${order.label} of ${ENDPOINTS[past.e].id} over days`, DATA.history.days, series, { unit: order.unit, modeled: order.modeled, events, floor: order.name === 'fidelity' ? DATA.history.floor[past.e] : null })
      : el('p', { class: 'muted' }, 'cannot tell on any day');
    const data = folded('Show data', () => dataTable(order.label, ['day', ...series.flatMap((each) => [each.name, 'interval'])],
      DATA.history.days.map((day, index) => [day, ...series.flatMap((each) => [each.v[index] === null ? 'cannot tell' : each.alone ? 'interval alone' : short(each.v[index]), between(each.lo[index], each.hi[index]) ?? '-'])])));
    return el('div', null, title, small, data);
  }));
  drawWhenIdle();
}

function showHistoryOf(e) {
  $('history-endpoint').value = String(e);
  $('history-endpoint').dispatchEvent(new Event('change'));
  $('history').scrollIntoView();
  $('history-endpoint').focus({ preventScroll: true });
}

function buildFindings() {
  const found = DATA.findings;
  if (!found) { body('findings').append(missing('findings', 'none have been made for this day.')); return; }
  if (!found.length) { body('findings').append(el('p', { class: 'muted' }, 'Nothing was found that can be said with support.')); return; }
  body('findings').append(el('ul', { class: 'cards' }, found.map((finding) => {
    const exact = finding.value !== null && finding.value_lo === finding.value && finding.value_hi === finding.value;
    const interval = exact ? null : between(finding.value_lo, finding.value_hi);
    const says = finding.value === null ? 'cannot tell' : Number.isInteger(finding.value) ? GROUPED.format(finding.value) : short(finding.value);
    const who = finding.endpoints.map((id) => {
      const link = el('button', { type: 'button' }, id);
      link.addEventListener('click', () => openEndpoint(BY_ID.get(id).e));
      return link;
    });
    if (finding.modeled) requireInterval(finding.value, finding.value_lo, finding.value_hi, finding.finding);
    return el('li', null, el('h3', null, finding.headline),
      el('p', { class: 's' }, finding.modeled ? el('b', { class: 'tag modeled' }, 'MODELED') : null, finding.supported === false ? el('b', { class: 'tag warn' }, 'NOT SUPPORTED BY THE EVIDENCE') : null, finding.about ?? ''),
      el('p', null, el('span', { class: 'v' }, says), ` ${finding.unit ?? ''} `, el('span', { class: 's' }, [interval && `[${interval}]`, exact ? 'known exactly' : null, finding.n === null ? null : `n ${GROUPED.format(finding.n)}`].filter(Boolean).join(' · '))),
      finding.detail ? el('p', { class: 's' }, finding.detail) : null,
      who.length ? folded(`${who.length} ${who.length === 1 ? 'endpoint' : 'endpoints'}`, () => el('div', null, who)) : null,
      finding.sql ? folded('The query that gives it', () => copyable(finding.sql)) : null);
  })));
}

function buildBills() {
  const place = body('bills');
  if (DATA.billing) {
    const rows = rowsOf(DATA.billing);
    place.append(el('h3', null, 'Billed against text'), dataTable('Output tokens billed (less hidden reasoning) over tokens counted in the text', ['endpoint', 'billed / counted', '95 % interval', 'n', 'verdict', 'hidden reasoning, share', 'what may be said'],
      rows.map((row) => [ENDPOINTS[row.e].id, short(row.output_ratio), between(row.output_ratio_lo, row.output_ratio_hi), row.n_output, [row.output_verdict, row.bills_more_than_text ? el('b', { class: 'tag warn' }, 'BILLS MORE') : null].flat().filter(Boolean).map((part) => (part instanceof Node ? part : `${part} `)).reduce((box, part) => { box.append(part); return box; }, el('span')), short(row.hidden_reasoning_share), row.claim])));
  } else place.append(missing('billing_audit', 'bills have not been audited against text.'));
  if (DATA.in_time) {
    const rows = rowsOf(DATA.in_time);
    const { factor, unit } = orderNamed('usd_per_correct') ?? { factor: 1, unit: 'USD per correct' };
    const dollars = (value) => (value === null ? null : value * factor);
    place.append(el('h3', null, 'Answers in time'), dataTable('No answer within the deadline, a failure counted as one', ['endpoint', 'deadline, s', 'of', 'no answer in time', '95 % interval', 'n', `${unit} in time`, '95 % interval', 'note'],
      rows.map((row) => [ENDPOINTS[row.e].id, row.deadline_s, row.domain, row.p_no_answer === null ? null : `${short(100 * row.p_no_answer)} %`, row.p_no_answer_lo === null ? null : `${short(100 * row.p_no_answer_lo)} to ${short(100 * row.p_no_answer_hi)} %`, row.n_asked, short(dollars(row.usd_per_correct_in_time)), between(dollars(row.usd_per_correct_in_time_lo), dollars(row.usd_per_correct_in_time_hi)), row.note])));
  } else place.append(missing('answers_in_time', 'what waiting costs is not shown.'));
}

function buildRounds() {
  const lost = DATA.quarantine.length ? DATA.quarantine.map(([reason, n]) => `${reason} ${GROUPED.format(n)}`).join(', ') : 'none';
  const total = (name) => ROUNDS.reduce((sum, row) => sum + (row[name] ?? 0), 0);
  body('rounds').append(
    facts([['raw lines', GROUPED.format(total('n_raw'))], ['sound requests', GROUPED.format(total('n_requests'))], ['set aside', `${GROUPED.format(total('n_quarantined'))} (${lost})`], ['cost at list price', `$${short(total('cost_usd'))}`]]),
    roundsTable(),
    el('p', { class: 'muted' }, 'To make every figure anew from the raw log: ', el('code', null, `tokenarena recompute ${DATA.day}`)));
}

function buildMethods() {
  const ranks = DATA.comments.ranks ?? {};
  body('methods').append(el('div', { class: 'methods' },
    el('h3', null, 'Figures'), facts(ORDERS.map((order) => [order.label, `${order.modeled ? 'MODELED' : 'Measured'}, in ${order.unit}: ${order.formula ?? commentOf(order) ?? ''}. Told apart by: ${order.test}.`])),
    el('h3', null, 'Ranks'), facts(['rank', 'rank_lo', 'rank_hi', 'close_p', 'more_n', 'rank_badge'].filter((name) => ranks[name]).map((name) => [name, ranks[name]])),
    el('h3', null, 'Words'), facts([
      ['interval', 'of what is measured 95 %; of what is modeled P5 to P95; a value without one says why'],
      ['cannot tell', 'a proper answer: the evidence does not decide'],
      ['MODELED', 'not measured; shown only with its interval'],
      ['EMBEDDED', 'served by the embedded fleet on this machine: real inference, invented providers and prices'],
      ['certified', 'the prober measured its own error on a server of known timing before and during the round, and it was within its budget'],
    ]),
    el('h3', null, 'Versions'), facts([['software', DATA.software], ...DATA.versions]),
    el('p', { class: 'muted' }, 'Every definition, with source and limits: docs/methodology.md.')));
}
