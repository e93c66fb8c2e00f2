'use strict';

// swatch is the colour of a run beside its name.
function named(page, i) {
  return el('span', {class: 'named', style: {'--run': colour(i)}}, page.runs.length > 1 && el('span', {class: 'swatch'}),
    page.runs.length > 1 ? ' ' : '', page.runs[i].name);
}

// header is a card for each run: what it is, how far it went, what chose its checkpoint.
function header(page) {
  const many = page.runs.length > 12;
  return el('div', {class: 'runs' + (many ? ' many' : page.runs.length === 1 ? ' one' : '')}, page.runs.map((r, i) => el('div', {class: 'run', style: {'--run': colour(i)}},
    page.live && page.runs.length > 1 ? el('a', {href: '?run=' + encodeURIComponent(r.name)}, el('b', {}, r.name)) : el('b', {}, r.name), ' ', el('span', {class: r.state === 'done' || r.state === 'running' ? 'soft' : 'bad'},
      `${r.state}, step ${r.step} of ${r.steps}`),
    el('div', {class: 'small'}, r.about),
    !many && el('ul', {}, (r.facts || []).map(f => el('li', {}, f)), (r.warnings || []).map(w => el('li', {class: 'bad'}, w))),
    many && (r.warnings || []).map(w => el('div', {class: 'bad small'}, w)))));
}

// value is a result with its interval or deviation.
function value(r) {
  if (!r) return {number: '–'};
  const more = r.deviation ? ` ± ${show(r.deviation, 3)}` : r.interval ? ` (${r.interval.map(v => v.toFixed(3)).join('–')})` : '';
  return {number: [show(r.value), el('span', {class: 'soft small'}, more)], title: (r.notes || []).join('; ')};
}

// unique keeps the first of equal values.
function unique(list) { return [...new Set(list)]; }

// results is the table of what the runs came to: of one run a column for each representation, of several a row each.
function results(page) {
  const runs = page.runs.filter(r => (r.results || []).length > 0);
  if (runs.length === 0) return;
  const find = (r, label, of) => (r.results || []).find(x => x.label === label && x.of === of);
  const labels = unique(runs.flatMap(r => r.results.map(x => x.label)));
  if (page.runs.length === 1) {
    const r = runs[0], of = unique(r.results.map(x => x.of));
    const notes = unique(r.results.flatMap(x => x.notes || []));
    section('Results', table(['evaluation', ...of.map(o => ({number: o}))],
      labels.map(l => [l, ...of.map(o => value(find(r, l, o)))]),
      {caption: 'In brackets the 95 % interval that so many test samples leave open; it says nothing about other seeds.'}),
      notes.length > 0 && el('ul', {class: 'small soft'}, notes.map(n => el('li', {}, n))));
    return;
  }
  const all = unique(runs.flatMap(r => r.results.map(x => x.of)));
  const body = el('div');
  const draw = of => body.replaceChildren(table(['run', ...labels.map(l => ({number: l}))],
    page.runs.map((r, i) => [named(page, i), ...labels.map(l => value(find(r, l, of)))])));
  draw(all[0]);
  section('Results', el('div', {class: 'tools'}, select('representation', Object.fromEntries(all.map(a => [a, a])), all[0], draw)),
    body, el('p', {class: 'small soft'}, 'In brackets the 95 % interval that so many test samples leave open; it says nothing about other seeds.'));
}

// comparisons are measures over seeds, each recipe less the first, with the interval of the difference.
function comparisons(page) {
  if (!(page.comparisons || []).length) return;
  section('Comparisons', page.comparisons.map(c => table(
    ['recipe', {number: 'seeds'}, {number: 'mean'}, {number: '±'}, {number: 'less ' + c.base}, {number: '95 %'}, 'over', ''],
    c.rows.map(r => [r.name, {number: r.seeds}, {number: show(r.mean)}, {number: r.deviation === undefined ? '' : show(r.deviation, 3)},
      {number: r.difference === undefined ? '' : show(r.difference)},
      {number: r.interval ? r.interval.map(v => show(v, 4)).join(' to ') : ''}, r.of || '',
      el('span', {class: r.verdict === 'better' ? 'good' : r.verdict === 'worse' ? 'bad' : 'soft'}, r.verdict || '')]),
    {caption: c.measure + (c.lower ? ', less is better' : '')})));
}

// differences is the settings in which the runs differ or, of one run, those that somebody wrote, with their origins.
function differences(page) {
  const d = page.differences;
  if (!d || d.keys.length === 0) return;
  const cell = (k, i) => d.values[k][i] ? [el('code', {}, d.values[k][i]), ' ', el('span', {class: 'origin'}, d.origins[k][i])] : '–';
  const one = page.runs.length === 1;
  const upright = page.runs.length > 5 && page.runs.length > d.keys.length;
  const t = upright
    ? table(['run', ...d.keys.map(k => el('code', {}, k))], page.runs.map((r, i) => [named(page, i), ...d.keys.map((_, k) => cell(k, i))]))
    : table(['setting', ...page.runs.map((r, i) => one ? 'value' : named(page, i))], d.keys.map((key, k) => [el('code', {}, key), ...page.runs.map((_, i) => cell(k, i))]));
  section(one ? 'Recipe' : 'Settings that differ', t, el('p', {class: 'small soft'},
    one ? 'What somebody wrote, with the place; all else is a default.' : 'With the place where each value is from.'));
}
