'use strict';

const titles = {pca: 'Principal directions', tsne: 't-SNE', umap: 'UMAP'};

// tile is a picture of a sprite, enlarged by a whole factor.
function tile(sprite, at, side) {
  const f = Math.max(1, Math.floor(side / sprite.side)), px = f * sprite.side;
  return el('span', {class: 'tile', style: {width: px + 'px', height: px + 'px', 'background-image': `url(${sprite.data})`,
    'background-size': `${sprite.columns * px}px auto`,
    'background-position': `-${at % sprite.columns * px}px -${Math.floor(at / sprite.columns) * px}px`}});
}

// maps are the test samples in the plane.
function maps(page) {
  const redraws = [];
  for (const {r} of pictured(page, 'maps')) {
    const hidden = new Set();
    const classes = r.labels ? r.classes : [];
    const legend = el('div', {class: 'legend'}, classes.slice(0, 60).map((name, c) => el('label', {style: {'--run': colour(c)}},
      el('input', {type: 'checkbox', checked: true, onchange: e => { hidden[e.target.checked ? 'delete' : 'add'](c); redraws.forEach(d => d()); }}),
      el('span', {class: 'swatch'}), name)));
    section('Maps' + (page.runs.length > 1 ? ', ' + r.name : ''), legend, el('div', {class: 'charts'}, r.maps.map(m => {
      const {box, draw} = map(r, m, hidden);
      redraws.push(draw);
      return el('figure', {}, el('h3', {}, titles[m.name] || m.name), box);
    })), el('p', {class: 'small soft'}, `${r.sample}. The encoder is that of ${r.pictured}. Features of unit length. Groups that a map draws apart need not be apart, and distances between groups mean little.`));
  }
  redraws.forEach(d => d());
  return () => redraws.forEach(d => d());
}

// map is one map, with what draws it again.
function map(r, m, hidden) {
  const canvas = el('canvas'), hover = el('div', {class: 'hover', hidden: true});
  const box = el('div', {class: 'map'}, canvas, hover);
  const low = [Math.min(...m.x), Math.min(...m.y)], high = [Math.max(...m.x), Math.max(...m.y)];
  const shown = i => !r.labels || !hidden.has(r.labels[i]);
  let places = [];
  function draw() {
    const w = box.clientWidth || 360, h = Math.round(w * 0.85), ratio = devicePixelRatio || 1, edge = 10;
    canvas.width = w * ratio;
    canvas.height = h * ratio;
    canvas.style.height = h + 'px';
    const c = canvas.getContext('2d');
    c.scale(ratio, ratio);
    const scale = Math.min((w - 2 * edge) / (high[0] - low[0] || 1), (h - 2 * edge) / (high[1] - low[1] || 1));
    const off = [(w - scale * (high[0] - low[0])) / 2, (h - scale * (high[1] - low[1])) / 2];
    const size = m.x.length > 3000 ? 1.4 : 2.4;
    places = [];
    for (let i = 0; i < m.x.length; i++) {
      const x = off[0] + scale * (m.x[i] - low[0]), y = h - off[1] - scale * (m.y[i] - low[1]);
      places.push([x, y]);
      if (!shown(i)) continue;
      c.globalAlpha = 0.8;
      c.fillStyle = r.labels && r.labels[i] >= 0 ? colour(r.labels[i]) : ink('mark');
      c.beginPath();
      c.arc(x, y, size, 0, 7);
      c.fill();
    }
  }
  function point(e) {
    const at = canvas.getBoundingClientRect(), x = e.clientX - at.left, y = e.clientY - at.top;
    let best = -1, least = 14 * 14;
    places.forEach(([px, py], i) => {
      const d = (px - x) ** 2 + (py - y) ** 2;
      if (d < least && shown(i)) [best, least] = [i, d];
    });
    hover.hidden = best < 0;
    if (best < 0) return;
    hover.replaceChildren(r.thumbs ? tile(r.thumbs, best, 84) : '', ' ', r.labels && r.labels[best] >= 0 ? r.classes[r.labels[best]] : `sample ${best}`);
    const left = places[best][0] + 12;
    hover.style.left = Math.max(0, Math.min(left, at.width - hover.offsetWidth - 2)) + 'px';
    hover.style.top = Math.max(0, places[best][1] - hover.offsetHeight - 8) + 'px';
  }
  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerdown', point);
  canvas.addEventListener('pointerleave', () => { hover.hidden = true; });
  return {box, draw};
}

// neighbours are test samples with what is nearest to them.
function neighbours(page) {
  for (const {r} of pictured(page, 'queries')) {
    if (!r.gallery && !r.queries.some(q => q.label)) continue;
    const seen = (at, more) => el('span', {title: more}, r.gallery && at >= 0 ? tile(r.gallery, at, 64) : more);
    section('Neighbours' + (page.runs.length > 1 ? ', ' + r.name : ''), el('div', {class: 'wide'}, el('table', {class: 'neighbours'},
      el('tbody', {}, r.queries.map(q => el('tr', {}, el('th', {class: 'small'}, q.label || ''), el('td', {}, seen(q.tile, q.label || 'query')), el('td', {}, '→'),
        q.near.map(n => el('td', {}, el('span', {class: n.same === undefined ? '' : n.same ? 'hit' : 'miss', style: {display: 'inline-block'}},
          seen(n.tile, `${n.label || ''} ${n.cosine.toFixed(3)}`))))))))),
      el('p', {class: 'small soft'}, 'Test samples and the training samples with the largest cosine of frozen features, of the same class with a green edge, of another with a red one.'));
  }
}

// sheets are pictures that the run or the report drew.
function sheets(page) {
  for (const {r} of pictured(page, 'sheets')) {
    section('Pictures' + (page.runs.length > 1 ? ', ' + r.name : ''), el('div', {class: 'sheets'}, r.sheets.map(s => el('figure', {}, el('h3', {}, s.title),
      el('div', {class: 'wide'}, el('img', {class: 'sheet', src: s.data, alt: s.title})), s.text && el('figcaption', {}, s.text)))));
  }
}
