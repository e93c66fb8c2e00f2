'use strict';

const parts = []; // what draws a part of the page again, with newer numbers

// build makes the page once; news redraw the parts that change while runs go on.
function build(page) {
  const main = document.getElementById('page');
  charts.splice(0).forEach(u => u.destroy());
  parts.length = 0;
  const cards = el('div', {}, header(page));
  main.replaceChildren(el('h1', {}, page.title), el('nav', {id: 'contents'}, page.live && page.runs.length === 1 && el('a', {href: '/'}, '← all runs')), cards,
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

// ask looks for news of runs that go on, and draws them; where a run began or ended the page is made anew.
const whole = p => p.runs.map(r => [r.name, r.state, (r.results || []).length, !!r.maps].join()).join(';') + (p.differences || {keys: []}).keys.join();
async function ask(tag) {
  let news = null, next = document.hidden ? 15000 : 2000;
  try {
    const answer = await fetch(current.live, {headers: tag ? {'If-None-Match': tag} : {}, cache: 'no-store'});
    if (answer.status === 200) {
      news = await answer.json();
      tag = answer.headers.get('ETag');
    }
  } catch (e) { next = 10000; } // the server is gone, or not there yet
  setTimeout(() => ask(tag), next);
  if (!news) return;
  const anew = whole(news) !== whole(current);
  current = news;
  if (anew) build(current);
  else parts.forEach(draw => draw(current));
  document.documentElement.setAttribute('data-news', String(1 + +(document.documentElement.getAttribute('data-news') || 0)));
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
if (current.live) setTimeout(ask, 1000);
document.documentElement.setAttribute('data-drawn', String(charts.length));
