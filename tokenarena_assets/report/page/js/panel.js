// "Where this comes from": from a cell to its formula, its n, its rounds and its raw probes.

let opener = null;

function openPanel(title, content) {
  opener = document.activeElement;
  $('panel-title').replaceChildren(title);
  $('panel-body').replaceChildren(...content.filter(Boolean));
  if (!$('panel').open) $('panel').showModal();
  $('panel').scrollTop = 0;
  $('panel-close').focus();
}

function setUpPanel() {
  $('panel-close').addEventListener('click', () => $('panel').close());
  $('panel').addEventListener('click', (event) => { if (event.target === $('panel')) $('panel').close(); });
  $('panel').addEventListener('close', () => { if (opener?.isConnected) opener.focus(); });
}

/** The panel of one figure. */
function openFigure(e, order) {
  const endpoint = ENDPOINTS[e];
  const found = figureOf(state.preset, order, e);
  openPanel(`${order.label}: ${endpoint.id}`, [
    figureLine(order, found, e),
    order.modeled ? el('p', { class: 'warn' }, 'MODELED, not measured: nobody but the provider can measure energy. The interval is P5 to P95.') : null,
    el('h3', null, 'What it is'),
    facts([
      ['formula', order.formula],
      ['column', commentOf(order)],
      ['workload', order.by_preset ? presetLabel(PRESETS[state.preset]) : 'does not depend on the workload'],
      ['measured on', measuredOn(order, endpoint)],
    ]),
    el('h3', null, 'Its place'),
    placeFacts(order, found),
    el('h3', null, 'Raw probes'),
    ...rawPlaces(order, endpoint),
    el('h3', null, 'Rounds and certificates'),
    roundsTable(),
    ...caveats(order, endpoint),
  ]);
}

function figureLine(order, found, e) {
  if (!found || found.value === null) return el('p', { class: 'figure' }, 'cannot tell ', el('small', null, found?.rank_note ?? ''));
  const interval = between(found.lo, found.hi);
  const said = !interval ? (order.test === 'known exactly' ? 'known exactly' : 'no interval: n is too small for one')
    : (order.modeled ? `P5 to P95: ${interval}` : (found.lo === found.hi ? 'known exactly' : `95 % interval ${interval}`));
  const n = found.n === null ? '' : `, n = ${found.n}`;
  if (intervalAlone(order, state.preset, e)) return el('p', { class: 'figure' }, interval, ' ', el('small', null, `${order.unit}, P5 to P95; outside of the model: no middle is claimed${n}`));
  return el('p', { class: 'figure' }, short(found.v), ' ', el('small', null, `${order.unit}  `, said, n));
}

function commentOf(order) {
  const table = order.table ?? 'leaderboard';
  const comments = DATA.comments[table] ?? {};
  return comments[order.column ?? order.name] ?? comments[`${order.name}_p5`] ?? (DATA.comments.leaderboard ?? {})[order.name] ?? null;
}

function measuredOn(order, endpoint) {
  if (order.places !== 'timing') return null;
  const size = endpoint.latency_prompt_tokens;
  return `suite ${endpoint.latency_suite}` + (size === null || size === undefined ? '' : `, prompts of ${size} tokens`);
}

function placeFacts(order, found) {
  if (!found || found.rank === null) return facts([['rank', `none: ${found?.rank_note ?? 'not measured'}`]]);
  const close = found.close === null ? null : ENDPOINTS[found.close].id;
  return facts([
    ['rank', `${found.rank}, between ${found.rank_lo} and ${found.rank_hi}` + (sharing(order, found) > 1 ? `; shared by ${sharing(order, found)}` : '')],
    ['tested by', order.test],
    ['not told apart from', close === null ? null : `${close} (p = ${short(found.close_p)}, Holm-corrected)`],
    ['to tell them apart', close === null ? null : more(found)],
    ['badge', found.rank_badge === null ? null : `${found.rank_badge} by LMArena's rule, not corrected for the number of endpoints`],
  ]);
}

const sharing = (order, found) => [...PLACES.get(`${order.by_preset ? state.preset : -1}|${order.o}`).values()]
  .filter((row) => row.rank === found.rank).length;
const more = (found) => (found.more_n === null ? 'cannot tell how many more' : `needs about ${GROUPED.format(found.more_n)} more probes of each`);

/** The queries and commands that lead to the probes, and the first of them. */
function rawPlaces(order, endpoint) {
  const preset = PRESETS[state.preset].name;
  const commands = [
    copyable(`tokenarena explain ${DATA.day} ${shellQuoted(preset)} ${shellQuoted(endpoint.id)} ${order.name}`),
    copyable(`tokenarena sql ${shellQuoted(probesQuery(order, endpoint))}`),
  ];
  const kind = DATA.places[order.places];
  const own = kind ? rowsOf(kind).filter((row) => row.e === endpoint.e) : [];
  if (!own.length) return [...commands, el('p', { class: 'muted' }, order.places ? 'No raw probe of it is in this database.' : 'It rests on the price list that the round recorded, on no probe.')];
  return [
    ...commands,
    dataTable(`The first ${own.length} places in raw/probes/day=${DATA.day}`, ['file : line', 'request', 'came to'],
      own.map((row) => [`${kind.files[row.file]} : ${row.raw_line}`, row.request_id, row.came_to])),
  ];
}

function probesQuery(order, endpoint) {
  const of = `day = date ${sqlQuoted(DATA.day)} and endpoint_id = ${sqlQuoted(endpoint.id)}`;
  const size = endpoint.latency_prompt_tokens;
  const queries = {
    timing: `select request_id, status, ttft_ms, output_speed_tok_s, e2e_ms, raw_file, raw_line from requests where ${of} and suite = ${sqlQuoted(endpoint.latency_suite ?? 'speed')}`
      + (size === null || size === undefined ? '' : ` and prompt_tokens_target = ${size}`) + ' order by raw_file, raw_line',
    answers: `select item_id, outcome, correct, input_tokens, output_tokens, cost_usd, request_id, raw_file, raw_line from answers where ${of} and suite in ('quality_math', 'quality_code') order by suite, item_id`,
    fidelity: `select channel, status, value, lo, hi, floor, n_prompts, p from fidelity_channels where ${of} order by channel`,
    context: `select kind, target_tokens, hits, n, status, request_id, raw_file, raw_line from context_requests where ${of} order by started_at`,
  };
  return queries[order.places]
    ?? `select * from ranks where ${of} and preset = ${sqlQuoted(PRESETS[state.preset].name)} and ranked_by = ${sqlQuoted(order.name)}`;
}

const ROUNDS = rowsOf(DATA.rounds);

function roundsTable() {
  return dataTable('Rounds of the day; errors are of the prober itself, against a server of known timing',
    ['round', 'state', 'certified', 'TTFT error p50 / p99, ms', 'sound / raw lines', 'file'],
    ROUNDS.map((row) => [row.round_id, row.void ? `VOID: ${row.void_reason}` : row.state,
      row.certified ? 'yes' : `no: ${row.void ? 'void' : row.uncertified_because}`,
      `${short(row.client_ttft_error_p50_ms)} / ${short(row.client_ttft_error_p99_ms)}`,
      `${GROUPED.format(row.n_requests)} / ${GROUPED.format(row.n_raw)}`,
      el('span', null, row.raw_file, el('br'), el('span', { class: 'muted' }, row.sha256 ? `sha256 ${row.sha256.slice(0, 16)}…` : 'not sealed'))]));
}

function caveats(order, endpoint) {
  const said = [
    order.name === 'quality' && endpoint.quality_truncation_limited ? 'Over 2 % of the answers were cut at the output cap: the cap limits the accuracy.' : null,
    order.name === 'fidelity' ? endpoint.fidelity_claim : null,
    order.name === 'fidelity' ? endpoint.fidelity_note : null,
    order.name === 'context_effective_tokens' && endpoint.context_truncating ? 'It shortens prompts without an error.' : null,
    (order.places === 'answers') ? endpoint.domain_note : null,
    endpoint.is_embedded && order.name.includes('usd') ? 'The prices of the embedded fleet are invented.' : null,
  ].filter(Boolean);
  return said.length ? [el('h3', null, 'What limits it'), ...said.map((text) => el('p', { class: 'warn' }, text))] : [];
}

/** The panel of an endpoint: what the catalog says of it, and its figures in every order. */
function openEndpoint(e) {
  const endpoint = ENDPOINTS[e];
  const jump = el('button', { type: 'button' }, 'Show its history');
  jump.addEventListener('click', () => {
    opener = null;
    $('panel').close();
    showHistoryOf(e);
  });
  openPanel(endpoint.id, [
    el('p', null, jump),
    el('h3', null, 'As the catalog has it'),
    facts([
      ['provider', endpoint.provider], ['model', endpoint.model], ['family', endpoint.model_family], ['SKU', endpoint.sku],
      ['API', endpoint.api], ['quantization', endpoint.quantization ?? 'undisclosed'], ['region', endpoint.region ?? 'undisclosed'],
      ['reference', endpoint.is_reference ? 'of its family' : null], ['advertised context', endpoint.context_tokens === null ? null : `${GROUPED.format(endpoint.context_tokens)} tokens`],
      ['list price', `${short(endpoint.input_usd_per_mtok)} in, ${short(endpoint.cached_input_usd_per_mtok)} cached, ${short(endpoint.output_usd_per_mtok)} out, USD per million tokens`],
      ['source', endpoint.is_embedded ? 'embedded fleet on this machine: real inference, invented provider and prices' : 'live endpoint'],
      ['not sent to', endpoint.not_ready], ['fast because', endpoint.fast_because], ['note', endpoint.note],
    ]),
    el('h3', null, 'What was found'),
    facts([
      ['fidelity', `${endpoint.fidelity_verdict ?? 'not measured'}${endpoint.fidelity_claim ? `: ${endpoint.fidelity_claim}` : ''}`],
      ['note on it', endpoint.fidelity_note],
      ['quality against reference', endpoint.versus_reference], ['context', endpoint.context_truncating ? 'TRUNCATES prompts without an error' : endpoint.context_status],
      ['answered', endpoint.success_rate === null ? null : `${short(100 * endpoint.success_rate)} % of ${endpoint.success_rate_n} probes`],
    ]),
    el('h3', null, `Its figures, ${presetLabel(PRESETS[state.preset])}`),
    dataTable('Select a figure in the leaderboard to see where it comes from', ['order', 'value', 'interval', 'n', 'rank'],
      ORDERS.map((order) => {
        const found = figureOf(state.preset, order, e);
        return [`${order.label}${order.modeled ? ' (MODELED)' : ''}, ${order.unit}`, found?.v === null || !found ? `cannot tell: ${found?.rank_note ?? '-'}` : intervalAlone(order, state.preset, e) ? 'interval alone' : short(found.v),
          found ? between(found.lo, found.hi) : null, found?.n ?? null, !found || found.rank === null ? '-' : `${found.rank} (${found.rank_lo}-${found.rank_hi})`];
      })),
  ]);
}
