// Two pictures, and what lies between them.

const BETWEEN = 9;

function prepareMix(generator) {
  const share = document.getElementById("share");
  const strip = Array.from({ length: BETWEEN }, () => sizeCanvas(document.createElement("canvas"), generator.imageShape));
  const ends = ["first", "second"].map((side) => {
    const end = { canvas: sizeCanvas(document.getElementById(`${side}-picture`), generator.imageShape) };
    end.choice = document.getElementById(`${side}-class`);
    end.number = generator.anyNumber();
    document.getElementById(`${side}-new`).addEventListener("click", () => {
      end.number = generator.anyNumber();
      redraw();
    });
    if (end.choice) {
      end.choice.value = generator.anyClass();
      end.choice.addEventListener("change", redraw);
    }
    return end;
  });

  function at(way) {
    const [first, second] = ends.map(({ number, choice }) => [generator.noise(number), generator.pure(choice ? Number(choice.value) : 0)]);
    return { start: slerp(first[0], second[0], way), mixture: combine(first[1], second[1], 1 - way, way) };
  }

  function show() {
    const way = share.value / 100;
    const place = `between numbers ${ends[0].number.toLocaleString("en")} and ${ends[1].number.toLocaleString("en")}`;
    generator.show({ ...at(way), number: null, place });
  }

  function redraw() {
    const drawAt = (canvas, way) => {
      const { start, mixture } = at(way);
      drawImage(canvas, generator.make(generator.changed(start), mixture), generator.imageShape);
    };
    ends.forEach(({ canvas }, i) => drawAt(canvas, i));
    strip.forEach((canvas, i) => drawAt(canvas, i / (BETWEEN - 1)));
    show();
  }

  strip.forEach((canvas, i) => canvas.addEventListener("click", () => {
    share.value = Math.round((100 * i) / (BETWEEN - 1));
    show();
  }));
  share.addEventListener("input", show);
  document.getElementById("between").append(...strip);
  return { open: redraw };
}
