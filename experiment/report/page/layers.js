'use strict';

// Pictures of the encoders: by run, since every run has its own samples and layers. What several runs have in common, the
// spectra and the layers, is drawn beside each other.

function svg(tag, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// pictured are the runs that have something, with their places.
function pictured(page, what) {
  return page.runs.map((r, i) => ({r, i})).filter(({r}) => (r[what] || []).length > 0);
}

// spectra are drawn over the number of the eigenvalue, logarithmically.
function spectra(page) {
  const runs = pictured(page, 'spectra');
  if (runs.length === 0) return () => {};
  const grid = el('div', {class: 'charts'});
  section('Spectra', grid, el('p', {class: 'small soft'},
    'Eigenvalues of the covariance of frozen features, falling, the largest 1: where the line drops, directions are unused (Cookbook, figure 9). Dashed: the untrained encoder.'));
  const draw = () => {
    grid.replaceChildren(...runs.map(({r}) => el('figure', {}, el('h3', {}, r.name))));
    runs.forEach(({r}, k) => chart(grid.children[k], {x: 'direction', log: true, height: 260, lines: r.spectra.map((s, i) => ({
      name: s.name, x: s.values.map((_, n) => n + 1), y: s.values, colour: colour(i), dash: s.dashed ? [6, 4] : undefined}))}));
  };
  draw();
  return draw;
}

// layers are bars of what classifiers have right by every layer, from the first to the projector's last.
function layers(page) {
  const runs = pictured(page, 'depths').filter(({r}) => r.depths.some(d => d.knn !== undefined));
  if (runs.length === 0) return;
  section('Layers', el('div', {class: 'charts'}, runs.map(({r}) => el('figure', {}, el('h3', {}, r.name), bars(r.depths)))),
    el('p', {class: 'small soft'}, 'Accuracy by the frozen output of every layer, averaged over its places: the encoder, then, hatched, the projector (Cookbook, figure 10). ',
      el('span', {style: {color: colour(0)}}, '■ nearest neighbours '), el('span', {style: {color: colour(1)}}, '■ linear probe')));
}

function bars(depths) {
  const row = 34, left = 110, width = 380, height = depths.length * row + 24;
  const low = Math.min(...depths.flatMap(d => [d.knn, d.linear])), from = Math.max(0, Math.floor((low - 0.05) * 10) / 10);
  const at = v => left + (v - from) / (1 - from) * (width - left - 46);
  const id = 'hatch' + Math.random().toString(36).slice(2);
  const s = svg('svg', {viewBox: `0 0 ${width} ${height}`, width: '100%', role: 'img', style: 'font-size:11px;fill:currentColor'},
    svg('defs', {}, svg('pattern', {id, width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
      svg('rect', {width: 2, height: 5, fill: 'var(--paper)', 'fill-opacity': 0.6}))));
  depths.forEach((d, i) => {
    const y = i * row + 4;
    const name = svg('text', {x: left - 6, y: y + 12, 'text-anchor': 'end'});
    name.textContent = d.name;
    const dim = svg('text', {x: left - 6, y: y + 24, 'text-anchor': 'end', fill: 'var(--soft)', 'font-size': 10});
    dim.textContent = d.dim;
    s.append(name, dim);
    [d.knn, d.linear].forEach((v, k) => {
      const box = {x: left, y: y + 13 * k, width: Math.max(0, at(v) - left), height: 12};
      s.append(svg('rect', {...box, fill: colour(k)}));
      if (d.behind) s.append(svg('rect', {...box, fill: `url(#${id})`}));
      const t = svg('text', {x: at(v) + 4, y: y + 13 * k + 10});
      t.textContent = v.toFixed(3);
      s.append(t);
    });
  });
  const axis = svg('text', {x: left, y: height - 6, fill: 'var(--soft)'});
  axis.textContent = from > 0 ? `from ${from}` : '0';
  s.append(axis);
  return s;
}

// confusions are tables of counts, darker where there are more.
function confusions(page) {
  for (const {r, i} of pictured(page, 'confusions')) {
    if (r.classes.length > 60) continue;
    section('Confusion' + (page.runs.length > 1 ? ', ' + r.name : ''), el('div', {class: r.classes.length > 12 ? '' : 'charts'}, r.confusions.map(c => {
      const most = Math.max(...c.counts.flat());
      const sums = c.counts.map(row => row.reduce((a, b) => a + b, 0));
      return el('div', {class: 'wide'}, el('table', {class: 'confusion'}, el('caption', {}, `${c.name}: rows are classes, columns what it says`),
        el('thead', {}, el('tr', {}, el('th'), r.classes.map(n => el('th', {}, n)), el('th', {}, 'right'))),
        el('tbody', {}, c.counts.map((row, a) => el('tr', {}, el('th', {}, r.classes[a]), row.map((n, b) => el('td', {
          title: `${n} of ${r.classes[a]} taken for ${r.classes[b]}`,
          style: n && {background: `color-mix(in srgb, ${a === b ? 'var(--good)' : 'var(--bad)'} ${Math.round(75 * Math.sqrt(n / most))}%, transparent)`},
        }, n || '')), el('td', {}, sums[a] ? (row[a] / sums[a]).toFixed(2) : '–'))))));
    })));
  }
}
