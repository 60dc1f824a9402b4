// Charts by Vega-Lite, drawn when they come into view; colours are the page's own, so that print and dark need no redrawing.

const COLOURS = [1, 2, 3, 4, 5, 6, 7].map((number) => `var(--c${number})`);
const OTHER = 'var(--c8)';
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-right'];
const FONT = 'system-ui, sans-serif';
const CONFIG = {
  background: null, font: FONT, aria: false, view: { stroke: null },
  axis: { labelColor: 'var(--muted)', titleColor: 'var(--ink)', gridColor: 'var(--line)', gridOpacity: 0.8, domainColor: 'var(--strong)', tickColor: 'var(--strong)',
    labelFontSize: 11, titleFontSize: 11.5, titleFontWeight: 600, titlePadding: 8, labelLimit: 270 },
  legend: { labelColor: 'var(--ink)', titleColor: 'var(--muted)', labelFontSize: 11, titleFontSize: 11, titleFontWeight: 400, labelLimit: 220, symbolSize: 60, symbolOpacity: 1, symbolFillColor: 'none' },
  text: { color: 'var(--ink)', fontSize: 11 },
};
const drawn = new Set();
const inView = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) entry.target.draw?.();
}, { rootMargin: '300px' });

/** A place for a chart; `spec(width)` gives null where there is nothing to draw, with what to say then. */
function chart(label, spec, nothing) {
  const box = el('div', { class: 'chart wait', role: 'img', 'aria-label': label });
  let stale = true;
  let view = null;
  box.draw = async () => {
    if (!stale) return;
    stale = false;
    const made = spec(box.clientWidth || 900);
    view?.finalize();
    view = null;
    box.classList.remove('wait');
    if (!made) { box.replaceChildren(el('p', { class: 'muted' }, nothing)); return; }
    const target = el('div');
    box.replaceChildren(target);
    const result = await window.vegaEmbed(target, { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: CONFIG, autosize: { type: 'fit-x', contains: 'padding' }, ...made },
      { mode: 'vega-lite', ast: true, actions: false, renderer: 'svg', defaultStyle: false, tooltip: showTip });
    view = result.view;
  };
  box.redraw = () => {
    stale = true;
    const at = box.getBoundingClientRect();
    if (at.width && at.bottom > -300 && at.top < innerHeight + 300) box.draw();
    else drawWhenIdle();
  };
  drawn.add(box);
  if (document.readyState !== 'loading') inView.observe(box);
  return box;
}

// The chart runtime stands at the end of the page.
document.addEventListener('DOMContentLoaded', () => {
  for (const box of drawn) inView.observe(box);
  drawWhenIdle();
});

let idle = 0;
/** What is not yet drawn is drawn, one a turn, while nothing else is to be done: a page that is printed has them all. */
function drawWhenIdle() {
  if (!window.vegaEmbed) return;
  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const turn = ++idle;
  const waiting = [...drawn].filter((box) => box.isConnected);
  const next = () => {
    if (turn !== idle) return;
    const box = waiting.shift();
    if (box) Promise.resolve(box.draw()).then(() => later(next));
  };
  later(next);
}

function showTip(handler, event, item, value) {
  const tip = $('tip');
  if (value === null || value === undefined || value === '') { tip.hidden = true; return; }
  tip.textContent = String(value);
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

const logScale = (values) => {
  const known = values.filter((value) => value > 0);
  return known.length === values.length && known.length > 1 && Math.max(...known) / Math.min(...known) > 8 ? 'log' : 'linear';
};
const scaleFor = (type, padding) => (type === 'log' ? { type, nice: false, padding } : { type, nice: true, zero: false, padding });
const NUMBERS = ',.12~g';
const axisOf = (type, width) => ({ tickCount: Math.max(3, Math.round(width / (type === 'log' ? 130 : 110))), format: NUMBERS });

/** The families that have a colour and shape of their own; the rest is `other`. */
function groupsOf(rows) {
  const counted = new Map();
  for (const row of rows) counted.set(row.family, (counted.get(row.family) ?? 0) + 1);
  const own = [...counted.keys()].sort((a, b) => counted.get(b) - counted.get(a) || String(a).localeCompare(String(b))).slice(0, COLOURS.length);
  return { own, of: (family) => (own.includes(family) ? family : 'other'), all: counted.size > own.length ? [...own, 'other'] : own };
}

/** Points that no other beats in both: `better` is 1 where more is better, -1 where less is. */
function frontOf(rows, x, y, betterY) {
  const ordered = [...rows].sort((a, b) => a[x] - b[x] || betterY * (b[y] - a[y]));
  const front = [];
  for (const row of ordered) if (!front.length || betterY * (row[y] - front.at(-1)[y]) > 0) front.push(row);
  return front;
}

/** The points of the front that have room for their name, and on which side of the point it stands. */
function labelsOf(front, rows, logX, logY) {
  const along = (name, type) => {
    const at = (value) => (type === 'log' ? Math.log(value) : value);
    const known = rows.map((row) => at(row[name]));
    const [lo, hi] = [Math.min(...known), Math.max(...known)];
    return (row) => (hi === lo ? 0.5 : (at(row[name]) - lo) / (hi - lo));
  };
  const [x, y] = [along('x', logX), along('y', logY)];
  const placed = [];
  for (const row of front) {
    if (placed.some((other) => Math.abs(y(row) - y(other)) < 0.07 && Math.abs(x(row) - x(other)) < 0.3)) continue;
    placed.push({ ...row, align: x(row) > 0.6 ? 'right' : 'left' });
  }
  return placed;
}

/** A scatter of two figures with their intervals and the front of their middles. */
function scatter(rows, x, y, width) {
  if (!rows.length) return null;
  const groups = groupsOf(rows);
  const front = frontOf(rows.filter((row) => !row.boxed), 'x', 'y', y.better);
  const values = rows.map((row) => ({ ...row, group: groups.of(row.family) }));
  const log = (axis) => logScale(rows.flatMap((row) => [row[axis], row[`${axis}lo`], row[`${axis}hi`]]).filter((value) => value !== null && value !== undefined));
  const [logX, logY] = [log('x'), log('y')];
  const at = { x: { field: 'x', type: 'quantitative', title: x.title, scale: scaleFor(logX, 14), axis: axisOf(logX, width) },
    y: { field: 'y', type: 'quantitative', title: y.title, scale: scaleFor(logY, 14), axis: axisOf(logY, 420) } };
  const narrow = width < 640;
  const range = groups.all.map((name, index) => (name === 'other' ? OTHER : COLOURS[index]));
  const legend = groups.all.length > 1 ? { title: 'model family', orient: narrow ? 'bottom' : 'right', columns: narrow ? 2 : 1 } : null;
  const group = { color: { field: 'group', type: 'nominal', scale: { domain: groups.all, range }, legend },
    shape: { field: 'group', type: 'nominal', scale: { domain: groups.all, range: groups.all.map((name, index) => (name === 'other' ? 'triangle-left' : SHAPES[index])) }, legend } };
  const boxed = (row) => row.boxed && row.xlo !== null;
  const whole = (row) => !row.boxed && row.ylo !== null;
  const named = rows.filter((row) => row.boxed).length <= 20; // more names than that hide each other: the table has them
  const ends = (axis, name, title) => ({ ...at[axis], field: name, title });
  const faint = rows.length > 50 ? 0.35 : 0.6;
  const layers = [
    ...layerOf(front, () => true, { type: 'line', stroke: 'var(--front)', strokeDash: [4, 4], strokeWidth: 1, interpolate: 'step-after' }, { ...at, order: { field: 'x' } }),
    ...layerOf(values, boxed, { type: 'rect', fill: 'var(--muted)', fillOpacity: 0.05, strokeWidth: 1.2 }, { x: ends('x', 'xlo', x.title), x2: { field: 'xhi' }, y: ends('y', 'ylo', y.title), y2: { field: 'yhi' },
      stroke: group.color, tooltip: { field: 'tip' } }),
    ...layerOf(values, (row) => boxed(row) && named, { type: 'text', align: 'left', baseline: 'top', dx: 4, dy: 4, limit: 150, fontSize: 9.5, fill: 'var(--ink)' }, { x: ends('x', 'xlo', x.title), y: ends('y', 'yhi', y.title), text: { field: 'id' } }),
    ...layerOf(values, whole, { type: 'rule', strokeWidth: 1.3, opacity: faint }, { x: at.x, y: { field: 'ylo', type: 'quantitative' }, y2: { field: 'yhi' }, color: group.color }),
    ...layerOf(values, (row) => !row.boxed && (row.xlo ?? null) !== null, { type: 'rule', strokeWidth: 1.3, opacity: faint }, { y: at.y, x: { field: 'xlo', type: 'quantitative' }, x2: { field: 'xhi' }, color: group.color }),
    ...layerOf(values, whole, { type: 'point', filled: true, size: 62, opacity: 1 }, { ...at, ...group, tooltip: { field: 'tip' } }),
    ...layerOf(values, (row) => !row.boxed && row.ylo === null, { type: 'point', filled: false, fill: 'var(--bg)', size: 62, strokeWidth: 1.6 }, { ...at, ...group, tooltip: { field: 'tip' } }),
    ...['left', 'right'].flatMap((align) => layerOf(labelsOf(front, rows, logX, logY), (row) => row.align === align,
      { type: 'text', align, dx: align === 'left' ? 8 : -8, dy: -8, limit: narrow ? 150 : 260, fontSize: 10.5, fill: 'var(--ink)' }, { ...at, text: { field: 'id' } })),
  ];
  return { width: width - 4, height: 430, data: { values }, layer: layers };
}

/** A layer of the rows that have what it draws; none where no row has. */
function layerOf(rows, has, mark, encoding) {
  const values = rows.filter(has);
  return values.length ? [{ data: { values }, mark, encoding }] : [];
}

/** Rows of one figure with intervals, one line an endpoint: `layers(y)` draws them. */
function strip(rows, width, axis, layers, extra) {
  if (!rows.length) return null;
  const narrow = width < 640;
  const y = { field: 'id', type: 'nominal', sort: null, title: null, scale: { domain: rows.map((row) => row.id) }, axis: { ticks: false, domain: false, labelPadding: 6, labelLimit: narrow ? 150 : 300, labelColor: 'var(--ink)', grid: false } };
  const x = (field) => ({ field, type: 'quantitative', title: axis.title, scale: { ...scaleFor(axis.type ?? 'linear', 10), ...(axis.base ? { base: axis.base } : {}) },
    axis: { orient: 'top', ...axisOf(axis.type, width - (narrow ? 160 : 300)) } });
  return { width: width - 4, height: 19 * rows.length + 6, data: { values: rows }, layer: layers(x, y), ...extra };
}

const FEW = 30;
/** A strip of the first rows, with a button for all of them. */
function stripChart(label, rowsNow, spec, nothing) {
  let all = false;
  const button = el('button', { type: 'button', class: 'controls' });
  const box = chart(label, (width) => {
    const rows = rowsNow();
    button.hidden = rows.length <= FEW;
    button.textContent = all ? `Show the first ${FEW}` : `Show all ${rows.length}`;
    return spec(all ? rows : rows.slice(0, FEW), width);
  }, nothing);
  button.hidden = true;
  button.addEventListener('click', () => { all = !all; box.redraw(); });
  onChange(box.redraw);
  return el('div', null, box, button);
}

/** One small chart over days: a line, its intervals, an optional floor and days of change. */
function overDays(label, days, series, options) {
  return chart(label, (width) => {
    const values = series.flatMap(({ name, v, lo, hi, alone = false }) => days.map((day, index) => ({ day, name, alone, v: v[index] ?? null, lo: lo?.[index] ?? null, hi: hi?.[index] ?? null }))
      .filter((row) => row.v !== null).map((row) => ({ ...row, tip: `${row.name}\n${row.day}: ${row.alone ? '' : short(row.v)}${between(row.lo, row.hi) ? ` [${between(row.lo, row.hi)}]` : ' (no interval)'} ${options.unit}` })));
    if (!values.length) return null;
    if (options.modeled) values.forEach((row) => requireInterval(row.v, row.lo, row.hi, label));
    const few = days.length > 12 ? days.filter((_, index) => index % Math.ceil(days.length / 5) === 0) : days;
    const x = { field: 'day', type: 'ordinal', title: null, scale: { domain: days, type: 'point', padding: 0.5 }, axis: { values: few, labelAngle: 0, labelExpr: 'slice(datum.label, 5)', labelOverlap: true, grid: false, labelFontSize: 10 } };
    const y = (field) => ({ field, type: 'quantitative', title: null, scale: { zero: false, nice: true, padding: 4 }, axis: { tickCount: 4, format: NUMBERS, labelFontSize: 10 } });
    const names = series.map((each) => each.name);
    const color = { field: 'name', type: 'nominal', legend: null, scale: { domain: names, range: COLOURS } };
    const shape = { field: 'name', type: 'nominal', legend: null, scale: { domain: names, range: SHAPES } };
    const floor = (options.floor ?? []).map((v, index) => ({ day: days[index], v })).filter((row) => row.v !== null);
    const whole = (row) => row.lo !== null && row.hi !== null;
    const one = floor.length === 1 ? { shape: 'stroke', stroke: 'var(--front)', size: 300, strokeWidth: 1.5 } : false;
    const events = (options.events ?? []).map((event) => ({ day: event.changed_on, tip: `change on ${event.changed_on}: ${event.claim ?? event.verdict}` }));
    const layer = [
      ...layerOf(values, whole, { type: 'rule', strokeWidth: 4, opacity: 0.3 }, { x, y: y('lo'), y2: { field: 'hi' }, color, tooltip: { field: 'tip' } }),
      ...layerOf(values, (row) => !row.alone, { type: 'line', strokeWidth: 1.4 }, { x, y: y('v'), color, strokeDash: { field: 'name', type: 'nominal', legend: null, scale: { domain: names, range: [[1, 0], [5, 3]] } } }),
      ...layerOf(values, (row) => !row.alone, { type: 'point', filled: true, size: 22, opacity: 1 }, { x, y: y('v'), color, shape, tooltip: { field: 'tip' } }),
      ...layerOf(floor, () => true, { type: 'line', stroke: 'var(--front)', strokeDash: [2, 3], strokeWidth: 1.2, point: one }, { x, y: y('v') }),
      ...layerOf(events, (event) => days.includes(event.day), { type: 'rule', stroke: 'var(--warn)', strokeDash: [6, 2], strokeWidth: 1.5 }, { x, tooltip: { field: 'tip' } }),
    ];
    return { width: width - 4, height: options.height ?? 120, data: { values }, layer };
  }, options.nothing ?? 'no value on any day');
}
