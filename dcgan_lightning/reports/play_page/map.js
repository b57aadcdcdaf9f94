// A map of the latent space between four pictures, drawn as small pictures, to drag through.

const MAP_SIDE = 9; // small pictures across
const DRAWING_MS = 12; // of a frame

function prepareMap(generator) {
  const area = document.getElementById("map-area");
  const mark = document.getElementById("mark");
  const canvas = sizeCanvas(document.getElementById("map-canvas"), generator.imageShape, MAP_SIDE, MAP_SIDE);
  const panel = document.getElementById("map");
  let corners = [], place = [0.5, 0.5], drawn = "", job = 0;

  function chooseCorners() {
    corners = [0, 1, 2, 3].map(generator.anyNumber).map(generator.noise);
    drawn = "";
  }

  // The point at shares of the way across and down.
  function pointAt([x, y]) {
    return slerp(slerp(corners[0], corners[1], x), slerp(corners[2], corners[3], x), y);
  }

  function moveTo(wanted) {
    place = wanted.map((share) => Math.min(1, Math.max(0, share)));
    const [across, down] = place.map((share) => `${Math.round(100 * share)} %`);
    mark.style.left = `${100 * place[0]}%`;
    mark.style.top = `${100 * place[1]}%`;
    generator.show({ start: pointAt(place), number: null, place: `on the map, ${across} across and ${down} down` });
  }

  // Draws the small pictures, a few in each frame.
  function draw() {
    const mixture = generator.shown.mixture.slice();
    const [, height, width] = generator.imageShape;
    const current = ++job;
    let next = 0;
    function go() {
      const end = performance.now() + DRAWING_MS;
      while (next < MAP_SIDE ** 2 && performance.now() < end && current === job) {
        const [column, row] = [next % MAP_SIDE, Math.floor(next / MAP_SIDE)];
        const start = pointAt([column, row].map((i) => (i + 0.5) / MAP_SIDE));
        const values = generator.make(generator.changed(start), mixture);
        drawImage(canvas, values, generator.imageShape, column * width, row * height);
        next++;
      }
      if (next < MAP_SIDE ** 2 && current === job) requestAnimationFrame(go);
      area.dataset.drawn = next;
    }
    go();
  }

  function drawIfNeeded() {
    const key = `${generator.shown.mixture} ${generator.settings()}`;
    if (panel.hidden || key === drawn) return;
    drawn = key;
    draw();
  }

  function follow(event) {
    const box = area.getBoundingClientRect();
    moveTo([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  area.addEventListener("pointerdown", (event) => {
    area.setPointerCapture(event.pointerId);
    follow(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (event.buttons) follow(event);
  });
  area.addEventListener("keydown", (event) => {
    if (!steps[event.key]) return;
    event.preventDefault();
    moveTo(place.map((share, i) => share + (event.shiftKey ? 0.1 : 0.025) * steps[event.key][i]));
  });
  document.getElementById("other-map").addEventListener("click", () => {
    chooseCorners();
    moveTo([0.5, 0.5]);
  });
  generator.onShow(drawIfNeeded);
  chooseCorners();
  return { open: () => moveTo(place) };
}
