'use strict';

const parts = []; // what draws a part of the page again, with newer numbers

// build makes the page once; news redraw the parts that change while runs go on.
function build(page) {
  const main = document.getElementById('page');
  const cards = el('div', {}, header(page));
  main.replaceChildren(el('h1', {}, page.title), el('nav', {id: 'contents'}), cards,
    ...(page.remarks || []).map(r => el('p', {class: 'small soft'}, r)));
  parts.push(p => cards.replaceChildren(header(p)));
  results(page);
  comparisons(page);
  parts.push(curveSection(page));
  parts.push(spectra(page));
  layers(page);
  confusions(page);
  parts.push(maps(page));
  neighbours(page);
  sheets(page);
  differences(page);
}

// Charts are as wide as their figures, and take the colours that the page has now.
let pending = 0;
function redraw() {
  clearTimeout(pending);
  pending = setTimeout(() => parts.forEach(draw => draw(current)), 120);
}

let current = JSON.parse(document.getElementById('data').textContent);
build(current);
let width = document.documentElement.clientWidth;
addEventListener('resize', () => {
  if (document.documentElement.clientWidth === width) return; // a phone's address bar hides
  width = document.documentElement.clientWidth;
  redraw();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
document.documentElement.setAttribute('data-drawn', String(charts.length));
