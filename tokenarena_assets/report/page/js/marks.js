// Marks in cells: where a value and its interval lie in its column.

/** Position in percent of a value on the column's scale. */
function columnScale(values, fixed) {
  const known = values.filter((value) => value !== null && value !== undefined && Number.isFinite(value));
  if (fixed) return (value) => 100 * Math.min(1, Math.max(0, (value - fixed[0]) / (fixed[1] - fixed[0])));
  if (!known.length) return () => 50;
  const lo = Math.min(...known);
  const hi = Math.max(...known);
  if (hi === lo) return () => 50;
  const log = lo > 0 && hi / lo > 12;
  const at = (value) => (log ? Math.log(value) : value);
  return (value) => 100 * Math.min(1, Math.max(0, (at(value) - at(lo)) / (at(hi) - at(lo))));
}

/** A mark: the bar is the interval, the stroke the value; a ring where there is no interval. */
function mark(scale, value, lo, hi) {
  const whole = lo !== null && hi !== null && lo !== undefined && hi !== undefined;
  const made = el('span', { class: whole ? 'm' : 'm hollow', 'aria-hidden': 'true' });
  if (whole) {
    const bar = el('i');
    bar.style.left = `${scale(lo)}%`;
    bar.style.width = `${Math.max(0, scale(hi) - scale(lo))}%`;
    made.append(bar);
  }
  if (value === null) return made;
  const stroke = el('b');
  stroke.style.left = `${scale(value)}%`;
  made.append(stroke);
  return made;
}
