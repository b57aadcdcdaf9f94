// A walk from picture to picture that plays by itself.

const TRAIL = 9;

function prepareWalk(generator) {
  const button = document.getElementById("walking");
  const pace = document.getElementById("pace");
  const wander = document.getElementById("wander");
  const trail = Array.from({ length: TRAIL }, () => sizeCanvas(document.createElement("canvas"), generator.imageShape));
  let from = null, to = null, way = 0, before = 0, frame = null, sinceTrail = 0;

  function point(number, index) {
    return { number, vector: generator.noise(number), index };
  }

  function nextPoint() {
    const index = wander && wander.checked ? generator.anyClass() : to.index;
    return point(generator.anyNumber(), index);
  }

  function step(now) {
    const seconds = Math.min(0.1, (now - before) / 1000); // a slow frame makes no leap
    before = now;
    way += seconds * pace.value;
    if (way >= 1) {
      way = 0;
      [from, to] = [to, nextPoint()];
    }
    const share = way * way * (3 - 2 * way); // slow near each picture
    const mixture = combine(generator.pure(from.index), generator.pure(to.index), 1 - share, share);
    const place = `between numbers ${from.number.toLocaleString("en")} and ${to.number.toLocaleString("en")}`;
    generator.show({ start: slerp(from.vector, to.vector, share), mixture, number: null, place });
    sinceTrail += seconds;
    if (sinceTrail * pace.value > 0.25) leaveTrail();
    frame = requestAnimationFrame(step);
  }

  function leaveTrail() {
    sinceTrail = 0;
    const oldest = document.getElementById("trail").firstChild;
    oldest.getContext("2d").drawImage(generator.canvas, 0, 0);
    oldest.parentNode.append(oldest);
  }

  function stop() {
    cancelAnimationFrame(frame);
    frame = null;
    button.textContent = "Start";
  }

  function start() {
    const { number, mixture } = generator.shown;
    const index = Math.max(0, mixture.indexOf(1));
    from = point(number === null ? generator.anyNumber() : number, index);
    to = from;
    to = nextPoint();
    way = 0;
    before = performance.now();
    button.textContent = "Stop";
    frame = requestAnimationFrame(step);
  }

  button.addEventListener("click", () => (frame === null ? start() : stop()));
  document.getElementById("trail").append(...trail);
  return { close: stop };
}
