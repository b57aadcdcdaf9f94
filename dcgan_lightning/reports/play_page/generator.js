// The one big picture of a generator that makes images from noise: a starting point in the latent space, a mixture of
// classes, and what the sliders change.

const SHORT_NUMBERS = 1000000; // the random ones are below; any can be typed
const SPOKEN_AFTER_MS = 600; // of rest

function prepareGenerator(page) {
  const run = buildNetwork(page.network);
  const imageShape = page.network.operations.find(({ name }) => name === page.network.output).shape;
  const canvas = sizeCanvas(document.getElementById("picture"), imageShape);
  const truncation = document.getElementById("truncation");
  const sliders = [...document.querySelectorAll(".direction")];
  const chips = [...document.querySelectorAll("#classes input")];
  const listeners = [];
  const shown = { start: null, mixture: null, place: "", number: null };
  let isWaiting = false, isHeld = false, announcing = null;

  const noise = (number) => noiseVector(page.stream, number, page.latent_dim);
  const anyNumber = () => Math.floor(Math.random() * Math.min(page.count, SHORT_NUMBERS));
  const pure = (index) => Float64Array.from(page.classes, (_, i) => (i === index ? 1 : 0));
  const anyClass = () => (page.classes.length ? Math.floor(Math.random() * page.classes.length) : 0);

  // A starting point as the sliders change it.
  function changed(start) {
    let vector = start.map((value) => value * truncation.value);
    sliders.forEach((slider, i) => {
      if (Number(slider.value)) vector = combine(vector, page.directions[i].vector, 1, Number(slider.value));
    });
    return vector;
  }

  function make(vector, mixture) {
    return page.classes.length ? run(vector, mixture) : run(vector);
  }

  function className(mixture) {
    const parts = page.classes.map(({ title }, i) => [mixture[i], title]).filter(([share]) => share > 0.005);
    if (parts.length === 1) return parts[0][1];
    return parts.map(([share, title]) => `${Math.round(100 * share)} % ${title}`).join(", ");
  }

  const settings = () => [truncation, ...sliders].map((slider) => Number(slider.value));

  function isChanged() {
    return sliders.some((slider) => Number(slider.value) !== 0);
  }

  function command() {
    if (shown.number === null || isChanged()) return "";
    const parts = [page.command];
    if (page.classes.length) parts.push(`class=${page.classes[shown.mixture.indexOf(1)].key}`);
    if (page.seed) parts.push(`seed=${page.seed}`);
    parts.push(`first=${shown.number}`, "n=1");
    if (Number(truncation.value) !== 1) parts.push(`truncation=${truncation.value}`);
    return parts.join(" ");
  }

  function describe() {
    const what = page.classes.length ? className(shown.mixture) : "";
    const where = shown.place + (isChanged() || Number(truncation.value) !== 1 ? ", changed" : "");
    const caption = document.getElementById("caption");
    caption.replaceChildren();
    if (what) caption.append(Object.assign(document.createElement("b"), { textContent: what }));
    caption.append(where);
    const words = `Generated picture: ${what ? `${what}, ` : ""}${where}`;
    canvas.setAttribute("aria-label", words);
    clearTimeout(announcing);
    announcing = setTimeout(() => { document.getElementById("status").textContent = words; }, SPOKEN_AFTER_MS);
    const line = command();
    document.getElementById("repeat").textContent = line;
    document.getElementById("repeat-note").textContent = line
      ? "The same picture from the command line:"
      : "Only a picture with a number, and without changes by sliders, has a command that makes it again.";
  }

  function draw() {
    isWaiting = false;
    if (isHeld) return;
    shown.values = make(changed(shown.start), shown.mixture);
    drawImage(canvas, shown.values, imageShape);
    describe();
    chips.forEach((chip, i) => { chip.checked = shown.mixture[i] === 1; });
    for (const listener of listeners) listener();
  }

  // Shows what is given anew and leaves the rest as it is; once a frame at most.
  function show(news) {
    Object.assign(shown, news);
    if (!isWaiting) requestAnimationFrame(draw);
    isWaiting = true;
  }

  // Leaves the picture to somebody else, or shows it again.
  function hold(isNowHeld) {
    isHeld = isNowHeld;
    if (!isHeld) show({});
  }

  function showNumber(number) {
    const isPure = shown.mixture && shown.mixture.includes(1);
    const mixture = isPure ? shown.mixture : pure(anyClass());
    document.getElementById("number").value = number;
    show({ start: noise(number), number, mixture, place: `number ${number.toLocaleString("en")}` });
  }

  function again() {
    truncation.value = 1;
    for (const slider of sliders) slider.value = 0;
    if (shown.number === null) showNumber(Number(document.getElementById("number").value));
    else show({});
  }

  function save() {
    const name = [page.file_name];
    if (page.classes.length && shown.mixture.includes(1)) name.push(page.classes[shown.mixture.indexOf(1)].key);
    name.push(`seed_${page.seed}`, shown.number === null ? "between" : `number_${shown.number}`);
    if (isChanged()) name.push("changed");
    const recipe = {
      checkpoint: page.command, seed: page.seed, number: shown.number, place: shown.place,
      classes: page.classes.length ? className(shown.mixture) : null, sliders: settings(),
      noise: Array.from(changed(shown.start), Math.fround),
    };
    savePicture(canvas, `${name.join("_")}.png`, JSON.stringify(recipe));
  }

  for (const slider of [truncation, ...sliders]) slider.addEventListener("input", () => show({}));
  chips.forEach((chip, i) => chip.addEventListener("change", () => show({ mixture: pure(i) })));
  document.getElementById("new").addEventListener("click", () => showNumber(anyNumber()));
  document.getElementById("again").addEventListener("click", again);
  document.getElementById("save").addEventListener("click", save);
  document.getElementById("by-number").addEventListener("submit", (event) => {
    event.preventDefault();
    showNumber(Number(document.getElementById("number").value));
  });
  showNumber(anyNumber());
  return {
    page, canvas, shown, imageShape, noise, anyNumber, anyClass, pure, changed, settings, make, show, hold,
    onShow: (listener) => listeners.push(listener),
  };
}
