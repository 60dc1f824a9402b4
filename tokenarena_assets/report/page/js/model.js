// The data of the page, unpacked: endpoints, orders, and each endpoint's place in each order.

const DATA = JSON.parse($('data').textContent);

/** Rows of packed columns. */
function rowsOf(packed) {
  if (!packed) return [];
  const names = Object.keys(packed).filter((name) => name !== 'length' && name !== 'files');
  return Array.from({ length: packed.length }, (_, index) => Object.fromEntries(
    names.map((name) => [name, Array.isArray(packed[name]) ? packed[name][index] : packed[name]])));
}

const ENDPOINTS = rowsOf(DATA.endpoints).map((row, e) => ({ ...row, e, id: row.endpoint_id }));
const BY_ID = new Map(ENDPOINTS.map((endpoint) => [endpoint.id, endpoint]));
const PRESETS = DATA.presets;

// How each order is shown. `factor` is of the figure; `scale` fixes the ends of its marks; `places` is its kind of evidence.
const SHOWN = {
  usd_per_correct: { label: 'USD per correct answer', head: '$ per correct', places: 'answers',
    formula: 'sum of the costs of all attempts / number of correct answers, over one and the same items; the output tokens as measured, the input by the ratio of the workload' },
  energy_j_per_correct: { label: 'J per correct answer', head: 'J per correct', places: 'answers', table: 'energy_per_correct', column: 'energy_j_per_correct_p50',
    formula: 'tokens per correct answer (measured) x J per token (modeled), items and constants drawn anew in each draw: P50 [P5, P95]' },
  blended_usd_per_mtok: { label: 'Blended list price', head: 'Blended price', unit: '$ / Mtok', places: null,
    formula: '(i P_in + o P_out) / (i + o), i:o being the input:output ratio of the workload and P_in blended over its cached share' },
  output_speed_tok_s: { label: 'Output speed', head: 'Output speed', unit: 'tok/s', places: 'timing',
    formula: 'median over the probes of (N - N_first) / (t_last - t_first), N_first being the tokens of the first burst' },
  ttft_ms: { label: 'Time to first token', head: 'TTFT', unit: 'ms', places: 'timing',
    formula: 'median over the probes of the time from the request handed to the open connection to the first generated token in any channel' },
  e2e_p90_with_failures_ms: { label: 'p90 end to end, failures as never', head: 'p90 end to end', unit: 'ms, failed = never', places: 'timing', table: 'latency_daily', column: 'e2e_p90_with_failures_ms',
    formula: 'a value that the true 90th percentile of the time to the last token is below at 99 % confidence, a failure counted as never' },
  quality: { label: 'Quality', head: 'Quality', unit: '%', factor: 100, scale: [0, 100], places: 'answers',
    formula: 'number correct / number graded; over both domains 0.6 math + 0.4 code' },
  fidelity: { label: 'Fidelity F', head: 'Fidelity F', unit: '100 = as the reference', scale: [0, 105], places: 'fidelity',
    formula: 'F = 100 S: likeness of sampled answers of seven days to those of the reference, against the likeness of its own answers to each other' },
  context_effective_tokens: { label: 'Effective context', head: 'Effective context', unit: 'tokens', places: 'context',
    formula: 'the largest length such that at it and every smaller one accuracy is at least 0.85 of that in a short context' },
};

const ORDERS = DATA.orders.map((order, o) => {
  const shown = SHOWN[order.name] ?? { label: order.name, head: order.name, unit: order.unit, places: null, formula: null };
  return { ...order, factor: 1, ...shown, unit: shown.unit ?? order.unit, o };
});
scaleDollars();

/** Small models cost too little an answer to be read otherwise. */
function scaleDollars() {
  const order = ORDERS.find((each) => each.name === 'usd_per_correct');
  if (!order) return;
  const known = rowsOf(DATA.ranks).filter((row) => row.o === order.o && row.value !== null).map((row) => row.value).sort((a, b) => a - b);
  order.factor = known.length && known[known.length >> 1] < 1e-4 ? 1e6 : 1e3;
  order.unit = order.factor === 1e6 ? '$ / million correct' : '$ / thousand correct';
}

/** rank rows: preset index (or -1) -> order -> endpoint. */
const PLACES = new Map();
for (const row of rowsOf(DATA.ranks)) {
  const key = `${row.p}|${row.o}`;
  if (!PLACES.has(key)) PLACES.set(key, new Map());
  PLACES.get(key).set(row.e, row);
}

/** The row of an endpoint in an order; null where it has none. */
function placeOf(preset, order, e) {
  return PLACES.get(`${order.by_preset ? preset : -1}|${order.o}`)?.get(e) ?? null;
}

/** Modeled energy is shown with its interval or not at all. */
function requireInterval(value, lo, hi, what) {
  if (value !== null && value !== undefined && (lo === null || lo === undefined || hi === null || hi === undefined)) {
    throw new Error(`${what}: modeled energy is never shown without its interval`);
  }
}

// Endpoints outside of the energy model (grade D): of them the interval alone is shown, by workload.
const OUTSIDE = new Set(rowsOf(DATA.energy).filter((row) => row.evidence_grade === 'D').map((row) => `${row.mix}|${row.e}`));
const intervalAlone = (order, preset, e) => order.modeled && OUTSIDE.has(`${PRESETS[preset].name}|${e}`);

/** Value and interval as shown: multiplied by the order's factor; modeled ones only with an interval. */
function figureOf(preset, order, e) {
  const row = placeOf(preset, order, e);
  if (!row) return null;
  if (order.modeled) requireInterval(row.value, row.value_lo, row.value_hi, order.label);
  const times = (value) => (value === null ? null : value * order.factor);
  return { ...row, v: times(row.value), lo: times(row.value_lo), hi: times(row.value_hi) };
}

const orderNamed = (name) => ORDERS.find((order) => order.name === name) ?? null;
