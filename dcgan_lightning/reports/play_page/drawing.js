// A canvas to paint on, pixel by pixel: mouse, finger, pen or arrow keys.

const BLANK = -1; // black
const KEPT = 200; // strokes that can be undone
const ERASING_BUTTONS = 2 | 32; // the right mouse button, a pen's eraser

// onChange is called after each change by the person, but not by `load`; with true where all has been cleared.
function prepareDrawing(onChange) {
  const board = document.getElementById("board");
  const canvas = document.getElementById("input");
  const cursor = document.getElementById("cursor");
  const thickness = document.getElementById("thickness");
  const tones = [...document.querySelectorAll("#tones input")];
  let shape = [1, 1, 1], values = new Float64Array(1), past = [], last = null, isDown = false, place = [0, 0];

  const tone = () => Number(tones.find(({ checked }) => checked).value);

  function show() {
    drawImage(canvas, values, shape);
  }

  function remember() {
    past = [...past.slice(1 - KEPT), values.slice()];
  }

  // A square of the pen's size around a pixel.
  function dab([x, y], value) {
    const [channels, height, width] = shape;
    const size = Number(thickness.value);
    const start = [x, y].map((i) => i - Math.floor((size - 1) / 2));
    for (let row = Math.max(0, start[1]); row < Math.min(height, start[1] + size); row++) {
      for (let column = Math.max(0, start[0]); column < Math.min(width, start[0] + size); column++) {
        for (let channel = 0; channel < channels; channel++) values[(channel * height + row) * width + column] = value;
      }
    }
  }

  // A line of pixels without gaps, to where the pen is now.
  function paintTo(point, value) {
    const from = last || point;
    const steps = Math.max(1, ...point.map((side, i) => Math.abs(side - from[i])));
    for (let step = 0; step <= steps; step++) {
      dab(point.map((side, i) => Math.round(from[i] + ((side - from[i]) * step) / steps)), value);
    }
    last = point;
    show();
    onChange(false);
  }

  function pixelAt(event) {
    const box = canvas.getBoundingClientRect();
    const [, height, width] = shape;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height].map(Math.floor);
  }

  function moveCursor(point) {
    const [, height, width] = shape;
    place = [Math.min(width - 1, Math.max(0, point[0])), Math.min(height - 1, Math.max(0, point[1]))];
    Object.assign(cursor.style, {
      left: `${(100 * place[0]) / width}%`, top: `${(100 * place[1]) / height}%`,
      width: `${100 / width}%`, height: `${100 / height}%`,
    });
    cursor.classList.toggle("down", isDown);
  }

  function lift() {
    isDown = false;
    last = null;
    moveCursor(place);
  }

  function undo() {
    if (!past.length) return;
    values = past.pop();
    show();
    onChange(false);
  }

  function clear() {
    if (values.every((value) => value === BLANK)) return;
    remember();
    values = values.map(() => BLANK);
    show();
    onChange(true);
  }

  const valueOf = (event) => (event.buttons & ERASING_BUTTONS ? BLANK : tone());
  board.addEventListener("pointerdown", (event) => {
    board.setPointerCapture(event.pointerId);
    remember();
    last = null;
    paintTo(pixelAt(event), valueOf(event));
  });
  board.addEventListener("pointermove", (event) => {
    if (!event.buttons || !last) return;
    const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of passed.length ? passed : [event]) paintTo(pixelAt(each), valueOf(event));
  });
  for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, lift);
  board.addEventListener("contextmenu", (event) => event.preventDefault());
  board.addEventListener("blur", lift);

  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  board.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      isDown = !isDown;
      if (isDown) {
        remember();
        paintTo(place, tone());
      } else last = null;
      moveCursor(place);
    } else if (steps[event.key]) {
      const stride = event.shiftKey ? 4 : 1;
      moveCursor(place.map((side, i) => side + stride * steps[event.key][i]));
      if (isDown) paintTo(place, tone());
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    undo();
  });
  document.getElementById("undo").addEventListener("click", undo);
  document.getElementById("clear").addEventListener("click", clear);

  // Takes over numbers in [-1, 1] of a shape (C, H, W).
  function load(newValues, newShape) {
    if (newShape !== shape) {
      past = [];
      sizeCanvas(canvas, newShape);
      thickness.max = Math.max(3, Math.round(newShape[2] / 7));
    } else remember();
    shape = newShape;
    values = newValues;
    last = null;
    moveCursor([Math.floor(shape[2] / 2), Math.floor(shape[1] / 2)]);
    show();
  }
  return { load, values: () => values };
}
