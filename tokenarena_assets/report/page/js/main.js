// Puts the page together; what is not in view is drawn later.

function setUpTheme() {
  const choose = (theme) => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll('.theme button')) button.setAttribute('aria-pressed', String(button.dataset.theme === theme));
  };
  for (const button of document.querySelectorAll('.theme button')) button.addEventListener('click', () => choose(button.dataset.theme));
}

function setUpHead() {
  $('day').textContent = DATA.day;
  const live = ENDPOINTS.filter((endpoint) => !endpoint.is_embedded).length;
  const good = ROUNDS.filter((row) => row.certified).length;
  $('summary').textContent = `${ENDPOINTS.length} endpoints (${live} live, ${ENDPOINTS.length - live} embedded), ${new Set(ENDPOINTS.map((endpoint) => endpoint.model_family)).size} model families; `
    + `${ROUNDS.length} ${ROUNDS.length === 1 ? 'round' : 'rounds'}, ${good} certified. UTC day.`;
  if (DATA.banner) { $('banner').textContent = DATA.banner; $('banner').hidden = false; }
  if (DATA.note) $('evidence').append(el('p', null, DATA.note));
  $('contents').append(...[...document.querySelectorAll('main section')].map((section) => el('a', { href: `#${section.id}` }, section.querySelector('h2').textContent)));
  $('foot').textContent = `${DATA.software}, day ${DATA.day}. One file, no network; the figures are those of tokenarena.duckdb.`;
  const ramp = (value) => value;
  $('key').append('In each cell: the value; ', mark(ramp, 55, 30, 80), ' where it and its interval lie in the column; ', mark(ramp, 55, null, null),
    ' without an interval. "=": a rank shared by endpoints that cannot be told apart. Arrow keys move in the table; Enter or a click shows where a figure comes from.');
}

function redrawAll() {
  for (const box of drawn) if (box.isConnected) box.redraw();
}

setUpTheme();
setUpFilters();
setUpPanel();
setUpTable();
setUpHead();
onChange(drawTable);
drawTable();
for (const build of [buildFindings, buildPrice, buildEnergy, buildLatency, buildFidelity, buildContext, buildHistory, buildBills, buildRounds, buildMethods]) build();
let width = innerWidth;
addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; redrawAll(); } });
addEventListener('beforeprint', () => { for (const box of drawn) if (box.isConnected) box.draw(); });
document.addEventListener('scroll', () => { $('tip').hidden = true; }, { passive: true });
drawWhenIdle();
document.documentElement.dataset.ready = 'true';
