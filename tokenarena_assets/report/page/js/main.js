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
    + `${ROUNDS.length} ${ROUNDS.length === 1 ? 'round' : 'rounds'}, ${good} certified. UTC day.` + (live === 0 ? ' Embedded fleet: real inference, invented providers and prices.' : '');
  if (DATA.banner) { $('banner').textContent = DATA.banner; $('banner').hidden = false; }
  setUpEvidence();
  $('contents').append(...[...document.querySelectorAll('main section')].map((section) => el('a', { href: `#${section.id}` }, section.querySelector('h2').textContent)));
  $('foot').textContent = `${DATA.software}, day ${DATA.day}. One file, no network; the figures are those of tokenarena.duckdb.`;
  const ramp = (value) => value;
  $('key').append('In each cell: the value; ', mark(ramp, 55, 30, 80), ' where it and its interval lie in the column; ', mark(ramp, 55, null, null),
    ' without an interval. "=": a rank shared by endpoints that cannot be told apart. Arrow keys move in the table; Enter or a click shows where a figure comes from.');
}

/** What a reader must know beside the figures: a line that counts, and what is behind it. */
function setUpEvidence() {
  const name = (endpoint) => el('b', null, endpoint.id);
  const truncating = ENDPOINTS.filter((endpoint) => endpoint.context_truncating);
  const deviating = ENDPOINTS.filter((endpoint) => ['suspect', 'different'].includes(endpoint.fidelity_verdict));
  const [empty, open] = [ROUNDS.filter((row) => row.void), ROUNDS.filter((row) => !row.void && !row.certified)];
  const domain = ENDPOINTS.find((endpoint) => endpoint.domain_note)?.domain_note;
  const says = [
    domain ? [`quality and dollars are of ${domain}`, []] : null,
    truncating.length ? [`${truncating.length} shortening prompts without an error`, truncating.map((endpoint) => [name(endpoint), ' TRUNCATES prompts without an error.'])] : null,
    deviating.length ? [`${deviating.length} suspect or different`, deviating.map((endpoint) => [name(endpoint), ` is ${endpoint.fidelity_verdict}: ${endpoint.fidelity_claim ?? endpoint.fidelity_channels_named ?? ''}`])] : null,
    empty.length ? [`${empty.length} of ${ROUNDS.length} rounds void`, empty.map((row) => [`Round ${row.round_id} is void and left out: ${row.void_reason}`])] : null,
    open.length ? [`${open.length} of ${ROUNDS.length} rounds without a certificate`, open.map((row) => [`Round ${row.round_id}: ${row.uncertified_because}`])] : null,
  ].filter(Boolean);
  if (!says.length) return;
  $('evidence').append(el('details', null, el('summary', null, `To be read with the figures: ${says.map(([head]) => head).join('; ')}`),
    el('ul', null, says.flatMap(([, lines]) => lines.map((line) => el('li', null, line))))));
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
addEventListener('beforeprint', () => {
  document.querySelector('#evidence details')?.setAttribute('open', '');
  for (const box of drawn) if (box.isConnected) box.draw();
});
document.addEventListener('scroll', () => { $('tip').hidden = true; }, { passive: true });
document.documentElement.dataset.ready = 'true';
