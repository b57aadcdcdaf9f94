// Real or generated? Ten rounds with real test images and generated ones.

const ROUNDS = 10;

function prepareQuiz(generator) {
  const { page, imageShape } = generator;
  const real = decodeBytes(page.quiz.images);
  const size = product(imageShape);
  const element = (id) => document.getElementById(id);
  let order = [], round = 0, right = 0, fooled = 0, truth = null;

  // Numbers 0 to count - 1 in a random order.
  function shuffled(count) {
    const numbers = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [numbers[i], numbers[j]] = [numbers[j], numbers[i]];
    }
    return numbers;
  }

  function restart() {
    [order, round, right, fooled] = [shuffled(page.quiz.count), 0, 0, 0];
    element("rounds").replaceChildren();
    ask();
  }

  function ask() {
    const row = order[round];
    if (Math.random() < 0.5) {
      truth = { isReal: true, text: `It is real: image ${page.quiz.numbers[row] + 1} of the test set.` };
      drawBytes(generator.canvas, real.subarray(row * size, (row + 1) * size), imageShape);
    } else {
      const number = generator.anyNumber();
      const mixture = generator.pure(page.classes.length ? page.quiz.labels[row] : 0);
      truth = { isReal: false, text: `The network made it up: number ${number.toLocaleString("en")}.` };
      drawImage(generator.canvas, generator.make(generator.noise(number), mixture), imageShape);
    }
    element("question").textContent = "Is this an image of the data set, or did the network make it up?";
    element("caption").textContent = `Round ${round + 1} of ${ROUNDS}`;
    generator.canvas.setAttribute("aria-label", "A real or a generated image");
    turnButtons(true);
    tally();
  }

  function tally() {
    element("score").textContent = `${right} of ${round} right`;
  }

  function turnButtons(isAsking) {
    for (const id of ["real", "generated"]) element(id).hidden = !isAsking;
    element("next").hidden = isAsking;
    element("next").textContent = round < ROUNDS ? "Next" : "Play again";
  }

  function answer(saysReal) {
    const isRight = saysReal === truth.isReal;
    round++;
    right += isRight;
    fooled += saysReal && !truth.isReal;
    const copy = sizeCanvas(document.createElement("canvas"), imageShape);
    copy.getContext("2d").drawImage(generator.canvas, 0, 0);
    copy.setAttribute("role", "img");
    copy.setAttribute("aria-label", `${truth.isReal ? "real" : "generated"}, answered ${isRight ? "right" : "wrong"}`);
    const item = document.createElement("li");
    item.className = isRight ? "right" : "wrong";
    item.append(copy);
    element("rounds").append(item);
    const end = round < ROUNDS ? "" : ` ${right} of ${ROUNDS} right; guessing gives 5. You took ${fooled} generated for real.`;
    element("question").textContent = `${isRight ? "Right." : "Wrong."} ${truth.text}${end}`;
    turnButtons(false);
    tally();
    element("next").focus();
  }

  element("real").addEventListener("click", () => answer(true));
  element("generated").addEventListener("click", () => answer(false));
  element("next").addEventListener("click", () => {
    if (round < ROUNDS) ask();
    else restart();
    element("real").focus();
  });
  function take(isTaken) {
    for (const id of ["making", "classes"]) if (element(id)) element(id).hidden = isTaken;
    generator.hold(isTaken);
  }
  function open() {
    take(true);
    restart();
  }
  return { open, close: () => take(false) };
}
