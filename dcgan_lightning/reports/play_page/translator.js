// Networks that make a picture of a picture: what is put in can be painted on, what comes out follows.

const SPOKEN_AFTER_MS = 600; // of rest

function prepareWay(way) {
  const inputShape = way.network.inputs[0].shape;
  const outputShape = way.network.operations.find(({ name }) => name === way.network.output).shape;
  const inputs = decodeBytes(way.inputs);
  const targets = way.targets && decodeBytes(way.targets);
  const part = (bytes, shape, i) => bytes.subarray(i * product(shape), (i + 1) * product(shape));
  return {
    ...way, inputShape, outputShape,
    run: buildNetwork(way.network),
    inputBytes: (i) => part(inputs, inputShape, i),
    targetBytes: (i) => targets && part(targets, outputShape, i),
  };
}

const toValues = (bytes) => Float64Array.from(bytes, (byte) => byte / 127.5 - 1);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function preparePage(page) {
  const element = (id) => document.getElementById(id);
  const ways = page.ways.map(prepareWay);
  const chips = [...document.querySelectorAll("#ways input")];
  let way = ways[0], example = null, isChanged = false, isWaiting = false, announcing = null, made = null;
  const drawing = prepareDrawing((isCleared) => {
    if (isCleared) example = null;
    isChanged = true;
    show();
  });
  const back = () => ways.find((other) => other !== way);

  // The bytes that the current network makes of values.
  function make(values, network = way) {
    return Uint8ClampedArray.from(network.run(values), toByte);
  }

  function draw() {
    isWaiting = false;
    made = make(drawing.values());
    drawBytes(element("output"), made, way.outputShape);
    const others = back();
    const third = others ? make(toValues(made), others) : example !== null && way.targetBytes(example);
    element("beside").classList.toggle("empty", !third);
    if (third) drawBytes(element("third"), third, others ? others.outputShape : way.outputShape);
    describe();
  }

  // Once a frame at most.
  function show() {
    if (!isWaiting) requestAnimationFrame(draw);
    isWaiting = true;
  }

  function describe() {
    const origin = example === null ? "" : `test picture ${example + 1}${isChanged ? ", changed" : ""}`;
    element("input-caption").textContent = origin ? `${capital(way.source)}: ${origin}` : `Your ${way.source}`;
    element("output-caption").textContent = `The network's ${way.target}`;
    element("third-caption").textContent = back() ? `And back: ${way.source}` : "What it was drawn from";
    if (!way.is_drawing && !back()) element("third-caption").textContent = "What it was made of";
    const words = `${element("output-caption").textContent}, made of ${origin || "what you drew"}`;
    element("output").setAttribute("aria-label", words);
    element("third").setAttribute("aria-label", element("third-caption").textContent);
    clearTimeout(announcing);
    announcing = setTimeout(() => { element("status").textContent = words; }, SPOKEN_AFTER_MS);
    const isExample = example !== null && !isChanged;
    const direction = ways.length > 1 ? ` direction=${way.direction}` : "";
    element("repeat").textContent = isExample ? `${page.command}${direction} first=${example} n=1` : "";
    element("repeat-note").classList.toggle("empty", !isExample);
    for (const [i, button] of [...element("examples").children].entries()) button.setAttribute("aria-pressed", i === example);
  }

  function load(values, number) {
    [example, isChanged] = [number, false];
    drawing.load(values, way.inputShape);
    show();
  }

  function loadExample(i) {
    load(toValues(way.inputBytes(i)), i);
  }

  function choose(index) {
    way = ways[index];
    chips.forEach((chip, i) => { chip.checked = i === index; });
    sizeCanvas(element("output"), way.outputShape);
    sizeCanvas(element("third"), way.outputShape);
    const buttons = Array.from({ length: way.count }, (_, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const canvas = sizeCanvas(document.createElement("canvas"), way.inputShape);
      drawBytes(canvas, way.inputBytes(i), way.inputShape);
      button.setAttribute("aria-label", `${way.source} of test picture ${i + 1}`);
      button.append(canvas);
      button.addEventListener("click", () => loadExample(i));
      return button;
    });
    element("examples").replaceChildren(...buttons);
    element("examples-title").hidden = !way.count;
  }

  function begin() {
    if (way.count) loadExample(0);
    else load(new Float64Array(product(way.inputShape)).fill(BLANK), null);
  }

  function save() {
    const where = example === null ? "own" : `test_${example}${isChanged ? "_changed" : ""}`;
    const input = btoa(String.fromCharCode(...Uint8Array.from(drawing.values(), toByte)));
    const recipe = { checkpoint: page.command, direction: way.direction, test_picture: example, changed: isChanged, input };
    savePicture(element("output"), `${page.file_name}_${way.direction}_${where}.png`, JSON.stringify(recipe));
  }

  chips.forEach((chip, i) => chip.addEventListener("change", () => {
    choose(i);
    begin();
  }));
  if (element("return")) element("return").addEventListener("click", () => {
    const values = toValues(made);
    choose(ways.indexOf(back()));
    load(values, null);
  });
  element("save").addEventListener("click", save);
  choose(0);
  begin();
  return { page, ways, make, values: drawing.values };
}
