'use strict';

const charts = []; // all uPlot charts of the page, with what draws them again

// chart draws lines into a figure. o: title, x (label), lines [{x, y, colour, name, points}], log (of y), key (of the cursors that move together).
function chart(into, o) {
  const xs = mergedAxis(o.lines.map(l => l.x));
  const data = [xs, ...o.lines.map(l => alignTo(xs, l.x, l.y))];
  const powers = o.log ? {filter: (u, splits) => splits.map(v => decade(v) === '' ? null : v)} : {}; // no line for every digit
  const axis = (only = {}) => ({stroke: ink('soft'), grid: {stroke: ink('line'), width: 1, ...only}, ticks: {stroke: ink('line'), width: 1, ...only}, font: '12px system-ui, sans-serif'});
  const options = {
    width: Math.max(260, into.clientWidth), height: o.height || 220,
    scales: {x: {time: false}, y: o.log ? {distr: 3} : {range: padded}},
    cursor: {sync: o.key ? {key: o.key} : undefined, focus: {prox: 24}, points: {size: 6}},
    focus: {alpha: o.lines.length > 8 ? 0.25 : 0.5},
    legend: {show: o.lines.length <= 8, live: true},
    axes: [{...axis(), label: o.x, labelSize: 20, size: 32, labelFont: '12px system-ui, sans-serif', values: (u, v) => v.map(short)},
      {...axis(powers), size: 56, values: (u, v) => v.map(x => o.log ? decade(x) : short(x))}],
    series: [{label: o.x, value: (u, v) => v === null ? '–' : short(v)}, ...o.lines.map(l => ({
      label: l.name, stroke: l.colour, width: l.faint ? 1 : 1.6, alpha: l.faint ? 0.3 : 1, spanGaps: true, dash: l.dash,
      points: {show: l.points && l.y.length < 60, size: 5, fill: l.colour}, value: (u, v) => v === null ? '–' : show(v)}))],
  };
  const u = new uPlot(options, data, into);
  charts.push(u);
  return u;
}

// padded leaves room above and below what is drawn.
function padded(u, low, high) {
  if (low === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

function short(v) {
  if (v === null || v === undefined) return '';
  const a = Math.abs(v);
  if (a >= 1e6) return +(v / 1e6).toPrecision(4) + 'M';
  if (a >= 1e4) return +(v / 1e3).toPrecision(4) + 'k';
  return a !== 0 && a < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(5));
}

// decade names powers of ten alone, so that a logarithmic axis is not crowded.
function decade(v) {
  if (v === null || v <= 0) return '';
  const p = Math.log10(v);
  return Math.abs(p - Math.round(p)) < 1e-6 ? (Math.abs(p) <= 3 ? String(+v.toPrecision(3)) : '1e' + Math.round(p)) : '';
}

function mergedAxis(lists) {
  const same = l => l.length === lists[0].length && l.every((v, i) => v === lists[0][i]);
  if (lists.every(same)) return lists[0];
  return Float64Array.from(new Set(lists.flatMap(l => Array.from(l)))).sort();
}

// alignTo puts the values of a line at their places on the common axis.
function alignTo(xs, x, y) {
  if (xs === x || xs.length === x.length) return y; // the common axis has all places of the line
  const out = new Array(xs.length).fill(null);
  let at = 0;
  for (let i = 0; i < x.length; i++) {
    while (at < xs.length && xs[at] < x[i]) at++;
    out[at] = y[i];
  }
  return out;
}

// smoothed is the exponential moving average with its beginning corrected, by measurements.
function smoothed(y, by) {
  if (by <= 0) return y;
  let mean = 0, weight = 0;
  return y.map(v => {
    if (v === null) return null;
    mean = by * mean + (1 - by) * v;
    weight = by * weight + (1 - by);
    return mean / weight;
  });
}

const axes = {step: 'step', epoch: 'epoch', seconds: 'seconds of training'};
const look = {axis: 'step', smooth: 0, log: false, hidden: new Set()}; // what a reader chose

// curveNames lists the curves of all runs by kind, in the order in which they come.
function curveNames(page) {
  const names = [];
  for (const kind of ['training', 'evaluation']) {
    for (const r of page.runs) for (const s of r.lines || []) if (s.kind === kind) {
      for (const n of s.names) if (!names.some(x => x.name === n && x.kind === kind)) names.push({kind, name: n});
    }
  }
  const rank = n => n.name === 'loss' ? 0 : n.kind === 'evaluation' ? 2 : /^(rate|data_wait)$/.test(n.name) ? 3 : 1;
  return names.sort((a, b) => rank(a) - rank(b));
}

// Charts beyond the first few are drawn one after another, so that a page of many is there at once.
const atOnce = 6;
const later = [];
let drawing = 0;
function drawLater(f) {
  later.push(f);
  if (later.length === 1) drawing = setTimeout(drawNext, 0);
}
function drawNext() {
  if (later.length === 0) return;
  later[0]();
  later.shift();
  if (later.length > 0) drawing = setTimeout(drawNext, 0);
}
function drawNone() {
  clearTimeout(drawing);
  later.length = 0;
}

// linesOf are the lines of one curve, a run each; x is step, epoch or seconds.
function linesOf(page, kind, name, x) {
  const lines = [];
  page.runs.forEach((r, i) => {
    if (look.hidden.has(r.name)) return;
    for (const s of r.lines || []) {
      const at = s.kind === kind ? s.names.indexOf(name) : -1;
      if (at < 0) continue;
      const keep = s.values[at].map((v, k) => v !== null && s[x][k] !== null ? k : -1).filter(k => k >= 0);
      if (keep.length === 0) continue;
      const y = keep.map(k => s.values[at][k]);
      lines.push({x: keep.map(k => s[x][k]), y, colour: colour(i), name: r.name, points: kind === 'evaluation'});
    }
  });
  return lines;
}

// isAccuracy tells curves that are shares of samples that are right.
function isAccuracy(name) { return /(top1|accuracy|balanced)$/.test(name); }

// curveSection is all curves with what chooses among them; it returns what draws them again, with newer numbers.
function curveSection(page) {
  if (curveNames(page).length === 0) return () => {};
  const grid = el('div', {class: 'charts'}), legend = el('div', {class: 'legend'});
  const tools = el('div', {class: 'tools'},
    select('by', {step: 'step', epoch: 'epoch', seconds: 'time'}, look.axis, v => { look.axis = v; draw(page); }),
    el('label', {}, 'smoothing', el('input', {type: 'range', min: 0, max: 0.98, step: 0.02, value: look.smooth,
      oninput: e => { look.smooth = +e.target.value; draw(page); }})),
    el('label', {}, el('input', {type: 'checkbox', onchange: e => { look.log = e.target.checked; draw(page); }}), 'logarithmic'));
  section('Curves', tools, legend, grid);
  const special = el('div', {class: 'charts'});
  const specials = section('Accuracy', special, el('p', {class: 'small soft'},
    'Accuracies by epoch: the online probe learns beside the encoder, on the training samples as they pass; the others are of frozen features on the validation split. By time: seconds of the training loop, evaluations left out.'));
  let drawn = [];
  function draw(now) {
    page = now;
    drawn.forEach(u => { u.destroy(); charts.splice(charts.indexOf(u), 1); });
    drawn = [];
    drawNone();
    if (page.runs.length > 1) legend.replaceChildren(...page.runs.map((r, i) => el('label', {style: {'--run': colour(i)}},
      el('input', {type: 'checkbox', checked: !look.hidden.has(r.name), onchange: e => {
        look.hidden[e.target.checked ? 'delete' : 'add'](r.name);
        draw(page);
      }}), el('span', {class: 'swatch'}), r.name)));
    grid.replaceChildren();
    const add = (to, title, lines, o) => {
      if (lines.length === 0) return;
      const f = el('figure', {}, el('h3', {}, title));
      to.append(f);
      const now = () => drawn.push(chart(f, {lines, ...o}));
      if (drawn.length < atOnce) now();
      else drawLater(now);
    };
    for (const {kind, name} of curveNames(page)) {
      let lines = linesOf(page, kind, name, look.axis);
      if (lines.every(l => l.y.length < 2)) continue;
      const smooth = kind === 'training' && look.smooth > 0;
      if (smooth) lines = [...(lines.length <= 4 ? lines.map(l => ({...l, faint: true, name: l.name + ', as measured'})) : []),
        ...lines.map(l => ({...l, y: smoothed(l.y, look.smooth)}))];
      add(grid, name, lines, {x: axes[look.axis], key: 'curves', log: look.log && lines.every(l => l.y.every(v => v > 0))});
    }
    special.replaceChildren();
    const accuracies = curveNames(page).filter(c => isAccuracy(c.name));
    if (page.runs.length === 1) {
      const lines = accuracies.flatMap((c, i) => linesOf(page, c.kind, c.name, 'epoch').map(l => ({...l, name: c.name, colour: colour(i), points: true})));
      if (lines.some(l => l.y.length > 1)) add(special, 'Probes by epoch', lines, {x: 'epoch'});
    }
    const timed = accuracies.filter(c => c.kind === 'evaluation');
    for (const c of timed.length > 0 ? timed.slice(0, 4) : accuracies.slice(0, 1)) {
      const lines = linesOf(page, c.kind, c.name, 'seconds');
      if (lines.some(l => l.y.length > 1)) add(special, c.name + ' by time', lines, {x: axes.seconds});
    }
    specials.hidden = special.children.length === 0;
  }
  draw(page);
  return draw;
}
