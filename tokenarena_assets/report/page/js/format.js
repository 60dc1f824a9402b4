// Building of elements and texts. Text from the data enters the page here, and only as text.

const $ = (id) => document.getElementById(id);

/** An element; attributes by name, children are elements or text. `null` children are left out. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    made.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return made;
}

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Three significant digits, or whole numbers above that. */
function short(value) {
  if (value === null || value === undefined) return '-';
  if (value === 0) return '0';
  const size = Math.abs(Number(value.toPrecision(3)));
  if (size >= 1e9 || size < 1e-4) return value.toPrecision(3).replace(/\.?0+e/, 'e');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size) + 1e-12));
  if (digits === 0) return GROUPED.format(value);
  return value.toFixed(digits);
}

/** `lo` to `hi`, or why there is no interval. */
function between(lo, hi) {
  return lo === null || hi === null || lo === undefined || hi === undefined ? null : `${short(lo)} to ${short(hi)}`;
}

/** A text as one word of a shell: bare, in double quotes where those change nothing in it, else in single ones. */
function shellQuoted(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `"${text}"`;
}
/** A text in single quotes for SQL. */
const sqlQuoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** A table of data: headers, rows of texts or elements. */
function dataTable(caption, headers, rows) {
  return el('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': caption },
    el('table', { class: 'data' },
      el('caption', null, caption),
      el('thead', null, el('tr', null, headers.map((header) => el('th', { scope: 'col' }, header)))),
      el('tbody', null, rows.map((row) => el('tr', null,
        row.map((cell, index) => el(index ? 'td' : 'th', index ? null : { scope: 'row' }, cell ?? '-')))))));
}

/** A table that is made when it is opened. */
function folded(title, make) {
  const box = el('details', null, el('summary', null, title));
  box.addEventListener('toggle', () => {
    if (box.open && box.childElementCount === 1) box.append(make());
  });
  return box;
}

/** A line to copy, with its button. */
function copyable(text) {
  const button = el('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = 'Selected';
    }
  });
  return el('div', { class: 'copy' }, el('pre', null, text), button);
}

const facts = (pairs) => el('dl', null, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
  .map(([name, value]) => [el('dt', null, name), el('dd', null, value)]));
