// Players of recordings: tracks over time, and a map of directions at the time
// of the cursor.
'use strict';

const MARKS = {o: '●', s: '■', D: '◆', '^': '▲', v: '▼', P: '✚', X: '✖',
  '*': '★'};
const dark = matchMedia('(prefers-color-scheme: dark)');
const players = [];

// A line is interrupted where the direction jumps by more degrees than this.
const JUMP = 45;

function make(tag, parent, name, attributes = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  parent.append(element);
  return element;
}

function degrees(value) {
  return `${Math.round(value)}°`.replace('-', '−');
}

// Up to five places of an axis of distances, by their labels.
function metres(farthest) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find(
    (one) => farthest <= 4 * one) || farthest;
  const places = {'0 m distance': 0};
  for (let i = 1; i * step <= farthest; i++) {
    places[`${Number((i * step).toPrecision(3))} m`] = i * step;
  }
  return places;
}

// Sets a canvas to a size in CSS pixels and clears it.
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  pen.font = '12px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  return pen;
}

function stroke(pen, points, color, width, dash = []) {
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

// Text with an outline in the colour of the page, readable on any background.
function write(pen, text, x, y, look, align = 'left') {
  pen.textAlign = align;
  pen.lineJoin = 'round';
  pen.strokeStyle = look.paper;
  pen.lineWidth = 3;
  pen.strokeText(text, x, y);
  pen.fillStyle = look.ink;
  pen.fillText(text, x, y);
}

// The markers of the figures, which distinguish classes without colour.
const CORNERS = {
  s: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  '^': [[0, -1.2], [1.2, 1], [-1.2, 1]],
  v: [[0, 1.2], [1.2, -1], [-1.2, -1]],
  P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4],
    [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4],
    [-1.2, -0.4], [-0.4, -0.4]],
  '*': Array.from({length: 10}, (_, i) => [
    Math.sin(i * Math.PI / 5) * (i % 2 ? 0.6 : 1.5),
    -Math.cos(i * Math.PI / 5) * (i % 2 ? 0.6 : 1.5)]),
};
CORNERS.X = CORNERS.P.map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75]);

function mark(pen, shape, x, y, size, color, look) {
  pen.beginPath();
  if (shape in CORNERS) {
    for (const [u, v] of CORNERS[shape]) pen.lineTo(x + size * u, y + size * v);
    pen.closePath();
  } else {
    pen.arc(x, y, size, 0, 2 * Math.PI);
  }
  pen.fillStyle = color;
  pen.fill();
  pen.strokeStyle = look.ink;
  pen.lineWidth = 0.7;
  pen.stroke();
}

// Splits rows into pieces: consecutive frames of one class and track.
function pieces(rows) {
  const found = [];
  let last = null;
  for (const row of rows) {
    const joined = last && last[1] === row[1] && last[2] === row[2] &&
      row[0] === last[0] + 1 && Math.abs(row[3] - last[3]) <= 180 &&
      angle(last, row) <= JUMP;
    if (joined) found[found.length - 1].push(row);
    else found.push([row]);
    last = row;
  }
  return found;
}

function unit(row) {
  const [a, e] = [row[3], row[4]].map((value) => value * Math.PI / 180);
  return [Math.cos(a) * Math.cos(e), Math.sin(a) * Math.cos(e), Math.sin(e)];
}

function angle(one, other) {
  const [a, b] = [unit(one), unit(other)];
  const chord = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  return Math.asin(Math.min(1, chord / 2)) * 360 / Math.PI;
}

// Rows are [frame, class, track, azimuth, elevation], by class and track. Those
// of a source with distances end with the distance in metres.
class Player {
  constructor(section) {
    this.section = section;
    this.data = JSON.parse(section.querySelector('script').textContent);
    this.sources = ['reference', 'prediction'].map((name) => ({
      pieces: pieces(this.data[name]),
      frames: Map.groupBy
        ? Map.groupBy(this.data[name], (row) => row[0])
        : this.data[name].reduce((map, row) => map.set(
          row[0], [...(map.get(row[0]) || []), row]), new Map()),
    }));
    this.audio = section.querySelector('audio');
    this.silent = {time: 0, since: null};
    if (!this.audio) {
      const bar = section.querySelector('.bar');
      this.button = make('button', bar, '', {type: 'button'});
      this.button.addEventListener('click', () => this.toggle());
    }
    const {name, seconds} = this.data;
    this.tracks = make('div', section, 'tracks', {role: 'slider', tabindex: 0,
      'aria-label': `Time in ${name}: click or arrow keys seek, space plays`,
      'aria-valuemin': 0, 'aria-valuemax': seconds});
    this.canvas = make('canvas', this.tracks);
    this.cursor = make('div', this.tracks, 'cursor');
    const moment = make('div', section, 'moment');
    this.sphere = make('canvas', moment, 'sphere', {role: 'img',
      'aria-label': this.data.frontal
        ? 'Map of the front half of the horizon from above: the front at the ' +
          'top, left on the left; the table has the same in words'
        : 'Map of all directions as seen from the array: the front in the ' +
          'middle, left on the left; the table has the same in words'});
    this.readout = make('div', moment, 'readout');
    if (this.data.spectrogram) {
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = this.data.spectrogram;
    }
    this.listen();
    this.draw();
  }

  get playing() {
    return this.audio ? !this.audio.paused : this.silent.since !== null;
  }

  get time() {
    const {seconds} = this.data;
    if (this.audio) return Math.min(this.audio.currentTime, seconds);
    const {time, since} = this.silent;
    const passed = since === null ? 0 : (performance.now() - since) / 1000;
    return Math.min(time + passed, seconds);
  }

  seek(time) {
    const inside = Math.max(0, Math.min(time, this.data.seconds));
    if (this.audio) {
      this.audio.currentTime = inside;
    } else {
      this.silent.time = inside;
      if (this.playing) this.silent.since = performance.now();
    }
    this.show(inside);
  }

  toggle() {
    if (this.audio) {
      if (this.playing) this.audio.pause();
      else this.audio.play().catch(() => {});
    } else if (this.playing) {
      this.silent = {time: this.time, since: null};
    } else {
      const time = this.time < this.data.seconds ? this.time : 0;
      this.silent = {time, since: performance.now()};
      this.run();
    }
    this.show(this.time);
  }

  // Moves the cursor while the recording plays, and stops all other players.
  run() {
    for (const other of players) {
      if (other !== this && other.playing) other.toggle();
    }
    const step = () => {
      if (this.silent.since !== null && this.time >= this.data.seconds) {
        this.toggle();
      }
      this.show(this.time);
      if (this.playing) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  listen() {
    if (this.audio) {
      this.audio.addEventListener('play', () => this.run());
      for (const name of ['pause', 'seeked', 'timeupdate']) {
        this.audio.addEventListener(name, () => this.show(this.time));
      }
    }
    const seek = (event) => {
      const place = event.clientX - this.tracks.getBoundingClientRect().left;
      this.seek((place - this.left) / this.width * this.data.seconds);
    };
    this.tracks.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      this.tracks.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.tracks.addEventListener('pointermove', (event) => {
      if (this.tracks.hasPointerCapture(event.pointerId)) seek(event);
    });
    this.tracks.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const step = event.shiftKey ? 0.1 : 1;
      const places = {ArrowLeft: this.time - step, ArrowDown: this.time - step,
        ArrowRight: this.time + step, ArrowUp: this.time + step,
        PageDown: this.time - 10, PageUp: this.time + 10, Home: 0,
        End: this.data.seconds};
      if (event.key in places) this.seek(places[event.key]);
      else if (event.key === ' ' || event.key === 'Enter') this.toggle();
      else return;
      event.preventDefault();
    });
    new ResizeObserver(() => this.draw()).observe(this.section);
    dark.addEventListener('change', () => this.draw());
  }

  get look() {
    return this.data.looks[dark.matches ? 1 : 0];
  }

  draw() {
    const total = this.tracks.clientWidth;
    if (!total) return;
    this.drawTracks(total);
    this.show(this.time);
  }

  // Draws spectrogram, activity, azimuth, elevation and distance on one time
  // axis.
  drawTracks(total) {
    const {data, look} = this;
    const narrow = total < 600;
    const left = this.left = narrow ? 4 : 150;
    const width = this.width = total - left - 12;
    const at = (frame) => left + frame / data.rate / data.seconds * width;
    const high = Math.max(20, ...[...data.reference, ...data.prediction].map(
      (row) => Math.abs(row[4]))) > 55 ? 95 : 60;
    const azimuths = data.frontal
      ? {'−90° right': -90, '−45°': -45, '0° front': 0, '45°': 45,
        '90° left': 90}
      : {'−180° back': -180, '−90° right': -90, '0° front': 0, '90° left': 90,
        '180° back': 180};
    const side = data.frontal ? 95 : 190;
    const panels = [
      ['spectrogram', data.spectrogram ? 90 : 0, data.frequencies, 0, 1],
      ['activity', Math.max(1, data.classes.length) * (narrow ? 26 : 19), {},
        0, 1],
      ['azimuth', 150, azimuths, -side, side],
      ['elevation', data.frontal ? 0 : 90, high > 60
        ? {'−60°': -60, '0° elevation': 0, '60°': 60}
        : {'−40°': -40, '0° elevation': 0, '40°': 40}, -high, high],
      ['distance', data.farthest ? 80 : 0, metres(data.farthest), 0,
        1.1 * data.farthest],
    ].filter(([, height]) => height);
    const height = panels.reduce((sum, panel) => sum + panel[1] + 10, 34);
    const pen = sized(this.canvas, total, height);
    let top = 6;
    const later = [];
    const lowest = panels[panels.length - 1][0];
    for (const [name, size, ticks, low, highest] of panels) {
      const bottom = top + size;
      const up = (y) => bottom - (y - low) / (highest - low) * size;
      pen.strokeStyle = look.faint;
      pen.lineWidth = 1;
      pen.strokeRect(left, top, width, size);
      const every = [1, 2, 5, 10, 20, 30, 60, 120].find(
        (step) => width / data.seconds * step > 45) || 300;
      for (let t = 0; t <= data.seconds; t += every) {
        const x = at(t * data.rate);
        stroke(pen, [[x, top], [x, bottom]], look.faint, 0.6);
        if (name === lowest) {
          const last = t + every > data.seconds;
          const align = !t ? 'left' : last ? 'right' : 'center';
          const text = last ? `${t} s` : `${t}`;
          write(pen, text, last ? x + 12 : x, bottom + 14, look, align);
        }
      }
      for (const text in ticks) {
        const y = up(ticks[text]);
        stroke(pen, [[left, y], [left + width, y]], look.faint, 0.6);
        const close = Math.max(top + 7, Math.min(bottom - 7, y));
        later.push(narrow ? [text, left + 4, close, 'left']
          : [text, left - 8, y, 'right']);
      }
      if (name === 'spectrogram' && this.image && this.image.complete) {
        // The sound may end before or after the last frame.
        const share = data.soundSeconds / data.seconds * width;
        pen.drawImage(this.image, left, top, Math.min(share, width), size);
      } else if (name === 'activity') {
        this.drawActivity(pen, top, size, at, narrow);
      } else if (name !== 'spectrogram') {
        const column = {azimuth: 3, elevation: 4, distance: 5}[name];
        this.drawPlaces(pen, column, at, up);
      }
      top = bottom + 10;
    }
    for (const [text, x, y, align] of later) write(pen, text, x, y, look, align);
  }

  drawActivity(pen, top, size, at, narrow) {
    const {data, look} = this;
    const row = size / Math.max(1, data.classes.length);
    const head = narrow ? 13 : 0;
    this.sources.forEach((source, which) => {
      const thick = which ? 5 : 13;
      for (const piece of source.pieces) {
        const one = data.classes[piece[0][1]];
        const y = top + head + (piece[0][1] + 0.5) * row - head / 2 - thick / 2;
        pen.fillStyle = which ? this.color(one) : look.reference;
        const x = at(piece[0][0]);
        const box = [x, y, at(piece[piece.length - 1][0] + 1) - x, thick];
        pen.fillRect(...box);
        // An outline: in greyscale some colours look like the reference.
        pen.strokeStyle = look.ink;
        pen.lineWidth = 0.7;
        if (which) pen.strokeRect(...box);
      }
    });
    data.classes.forEach((one, index) => {
      const y = top + (index + 0.5) * row - (narrow ? row / 2 - 7 : 0);
      const x = narrow ? this.left + 10 : this.left - 10;
      mark(pen, one.marker, x, y, 4, this.color(one), look);
      write(pen, one.name, x + (narrow ? 10 : -12), y, look,
        narrow ? 'left' : 'right');
    });
    if (!data.classes.length) {
      write(pen, 'no events', this.left + 20, top + size / 2, look);
    }
  }

  // Draws the azimuth, elevation or distance of all that have one.
  drawPlaces(pen, column, at, up) {
    const {look} = this;
    const [reference, prediction] = this.sources.map((source) =>
      source.pieces.filter((piece) => piece[0].length > column));
    for (const piece of reference) {
      stroke(pen, this.line(piece, column, at, up), look.reference, 5);
    }
    for (const piece of prediction) {
      const one = this.data.classes[piece[0][1]];
      const line = this.line(piece, column, at, up);
      stroke(pen, line, this.color(one), 1.4);
      let next = -Infinity;
      for (const [x, y] of line.slice(0, -1)) {
        if (x < next) continue;
        mark(pen, one.marker, x, y, 3, this.color(one), look);
        next = x + 14;
      }
    }
  }

  // The line ends where the last frame ends, so that one frame is visible.
  line(piece, column, at, up) {
    const points = piece.map((row) => [at(row[0]), up(row[column])]);
    const last = piece[piece.length - 1];
    return [...points, [at(last[0] + 1), up(last[column])]];
  }

  color(one) {
    return one.colors[dark.matches ? 1 : 0];
  }

  // Updates the cursor, the map and the table to a time in seconds.
  show(time) {
    const {data} = this;
    const x = this.left + time / data.seconds * this.width;
    this.cursor.style.transform = `translateX(${x}px)`;
    this.tracks.setAttribute('aria-valuenow', time.toFixed(1));
    this.tracks.setAttribute('aria-valuetext', `${time.toFixed(1)} seconds`);
    if (this.button) this.button.textContent = this.playing ? 'Pause' : 'Play';
    const frame = Math.min(Math.floor(time * data.rate + 1e-6),
      Math.ceil(data.seconds * data.rate) - 1);
    const [reference, prediction] = this.sources.map(
      (source) => source.frames.get(frame) || []);
    const pairs = this.pair(reference, prediction);
    this.drawMap(frame, pairs);
    this.writeTable(frame, pairs);
  }

  // Pairs reference and prediction of the same class, the nearest first.
  pair(reference, prediction) {
    const close = [];
    for (const a of reference) {
      for (const b of prediction) {
        if (a[1] === b[1]) close.push([a, b, angle(a, b)]);
      }
    }
    close.sort((one, other) => one[2] - other[2]);
    const taken = new Set();
    const found = [];
    for (const [a, b, apart] of close) {
      if (taken.has(a) || taken.has(b)) continue;
      taken.add(a).add(b);
      found.push([a, b, apart]);
    }
    for (const a of reference) if (!taken.has(a)) found.push([a, null]);
    for (const b of prediction) if (!taken.has(b)) found.push([null, b]);
    return found.sort((one, other) =>
      (one[0] || one[1])[1] - (other[0] || other[1])[1]);
  }

  // Draws the grid of all directions; returns the place of a row in the map.
  drawSphere(pen, width) {
    const {look} = this;
    const margin = 14;
    const scale = (width / 2 - margin) / (2 * Math.SQRT2);
    const middle = [width / 2, width / 4 + 8];
    // Hammer projection, which keeps areas equal. Left is on the left.
    const place = (azimuth, elevation) => {
      const [a, e] = [azimuth, elevation].map((value) => value * Math.PI / 180);
      const k = Math.sqrt(2 / (1 + Math.cos(e) * Math.cos(a / 2)));
      return [middle[0] - scale * 2 * k * Math.cos(e) * Math.sin(a / 2),
        middle[1] - scale * k * Math.sin(e)];
    };
    const steps = Array.from({length: 73}, (_, i) => i / 72);
    for (let azimuth = -180; azimuth <= 180; azimuth += 45) {
      stroke(pen, steps.map((s) => place(azimuth, s * 180 - 90)), look.faint,
        azimuth % 180 ? 0.7 : 1.4);
    }
    for (let elevation = -60; elevation <= 60; elevation += 30) {
      stroke(pen, steps.map((s) => place(s * 360 - 180, elevation)),
        look.faint, elevation ? 0.7 : 1.4);
    }
    pen.globalAlpha = 0.75;
    for (const [text, azimuth, elevation, align] of [
      ['front', 0, -4, 'center'], ['left', 90, -4, 'center'],
      ['right', -90, -4, 'center'], ['back', 179, -4, 'left'],
      ['back', -179, -4, 'right'], ['up', 0, 82, 'center'],
      ['down', 0, -82, 'center']]) {
      const [x, y] = place(azimuth, elevation);
      write(pen, text, x, y + 4, look, align);
    }
    pen.globalAlpha = 1;
    return (row) => place(row[3], row[4]);
  }

  // Draws the front half of the horizon from above, the front at the top; the
  // distance from the middle is that of the source, if there are distances.
  drawFront(pen, width) {
    const {data, look} = this;
    const radius = width / 2 - 14;
    const middle = [width / 2, width / 2 + 4];
    const place = (azimuth, share) => {
      const a = azimuth * Math.PI / 180;
      return [middle[0] - share * radius * Math.sin(a),
        middle[1] - share * radius * Math.cos(a)];
    };
    const farthest = 1.1 * data.farthest;
    const rings = data.farthest ? metres(data.farthest) : {'': 1};
    const steps = Array.from({length: 73}, (_, i) => i / 72 * 180 - 90);
    const shares = Object.values(rings).map(
      (one) => data.farthest ? one / farthest : 1);
    for (const share of [...shares, 1]) {
      stroke(pen, steps.map((a) => place(a, share)), look.faint,
        share < 1 ? 0.7 : 1.4);
    }
    for (let azimuth = -90; azimuth <= 90; azimuth += 30) {
      stroke(pen, [middle, place(azimuth, 1)], look.faint,
        azimuth % 90 ? 0.7 : 1.4);
    }
    pen.globalAlpha = 0.75;
    for (const [text, azimuth, align] of [['front', 0, 'center'],
      ['left', 86, 'left'], ['right', -86, 'right']]) {
      const [x, y] = place(azimuth, 0.97);
      write(pen, text, x, y + 6, look, align);
    }
    Object.keys(rings).forEach((text, i) => {
      const [x, y] = place(-15, shares[i]);
      if (i && data.farthest) write(pen, text, x, y, look, 'center');
    });
    pen.globalAlpha = 1;
    return (row) => place(row[3],
      data.farthest && row.length > 5 ? row[5] / farthest : 1);
  }

  // Draws the sources at the time of the cursor into the map.
  drawMap(frame, pairs) {
    const {data, look} = this;
    const width = this.sphere.clientWidth;
    if (!width) return;
    const pen = sized(this.sphere, width, Math.round(width / 2) + 16);
    const of = data.frontal
      ? this.drawFront(pen, width) : this.drawSphere(pen, width);
    // The paths within the last second.
    this.sources.forEach((source, which) => {
      for (const piece of source.pieces) {
        const recent = piece.filter(
          (row) => row[0] <= frame && row[0] > frame - 10);
        if (recent.length > 1 && recent[recent.length - 1][0] === frame) {
          const one = this.data.classes[piece[0][1]];
          stroke(pen, recent.map(of), which ? this.color(one) : look.reference,
            which ? 1.5 : 5);
        }
      }
    });
    for (const [a, b] of pairs) {
      const one = this.data.classes[(a || b)[1]];
      if (a) {
        pen.beginPath();
        pen.arc(...of(a), 10, 0, 2 * Math.PI);
        pen.strokeStyle = look.reference;
        pen.lineWidth = 4;
        pen.stroke();
      }
      const ends = a && b ? [of(a), of(b)] : [];
      // No line across the whole map if the two are at its opposite edges.
      if (ends.length && Math.abs(ends[0][0] - ends[1][0]) < width / 2) {
        stroke(pen, ends, look.ink, 1, [3, 3]);
      }
      if (b) mark(pen, one.marker, ...of(b), 6, this.color(one), look);
      const [x, y] = of(b || a);
      // The name is beside the marker, away from the ring and within the map.
      const behind = a && b && of(a)[0] > x && x > 120;
      const right = behind || x > width - 120;
      write(pen, one.name, x + (right ? -13 : 13), y - 10, look,
        right ? 'right' : 'left');
    }
  }

  // Writes the table, which is the map in words, if it has changed.
  writeTable(frame, pairs) {
    const {data} = this;
    const text = (row) => row
      ? [degrees(row[3]), ...(data.frontal ? [] : [degrees(row[4])]),
        ...row.slice(5).map((distance) => `${distance.toFixed(1)} m`)].join(', ')
      : 'none';
    const rows = pairs.map(([a, b, apart]) => {
      const one = data.classes[(a || b)[1]];
      const verdict = !b ? 'missed' : !a ? 'false alarm' : degrees(apart);
      return [one, text(a), text(b), verdict];
    });
    const seconds = (frame / data.rate).toFixed(1);
    const key = JSON.stringify([frame, dark.matches, rows]);
    if (key === this.written) return;
    this.written = key;
    this.readout.replaceChildren();
    const table = make('table', this.readout);
    make('caption', table).textContent =
      `At ${seconds} s: azimuth` + (data.frontal ? '' : ', elevation') +
      (data.farthest ? ', distance' : '') + (rows.length ? '' : ': silence');
    const head = make('tr', make('thead', table));
    for (const title of ['class', 'reference', 'prediction', 'apart']) {
      make('th', head, '', {scope: 'col'}).textContent = title;
    }
    const body = make('tbody', table);
    for (const [one, ...cells] of rows) {
      const line = make('tr', body);
      const first = make('th', line, '', {scope: 'row'});
      const sign = make('span', first, 'mark', {'aria-hidden': 'true'});
      sign.textContent = MARKS[one.marker] || '●';
      sign.style.color = this.color(one);
      first.append(`\u00a0${one.name}`);
      for (const cell of cells) make('td', line).textContent = cell;
    }
  }
}

for (const section of document.querySelectorAll('section.recording')) {
  players.push(new Player(section));
}
