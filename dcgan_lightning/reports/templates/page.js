(function () {
  "use strict";
  var data = document.getElementById("frames");
  if (!data) return;
  var frames = JSON.parse(data.textContent);
  var image = document.getElementById("frame");
  var slider = document.getElementById("slider");
  var where = document.getElementById("where");
  var play = document.getElementById("play");
  var lines = document.querySelectorAll(".now");
  var timer = null;

  function show(index) {
    var frame = frames[index];
    var text = "epoch " + frame.epoch + ", iteration " + frame.iteration;
    slider.value = index;
    slider.setAttribute("aria-valuetext", text);
    where.textContent = text;
    image.src = frame.src;
    image.alt = "Generated images at " + text;
    for (var i = 0; i < lines.length; i++) {
      lines[i].hidden = frame.share === null;
      lines[i].style.left = 100 * frame.share + "%";
    }
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }
  function step(by) {
    show(Math.min(Math.max(Number(slider.value) + by, 0), frames.length - 1));
  }
  play.addEventListener("click", function () {
    if (timer !== null) return pause();
    if (Number(slider.value) === frames.length - 1) show(0);
    play.textContent = "Pause";
    timer = setInterval(function () {
      step(1);
      if (Number(slider.value) === frames.length - 1) pause();
    }, 200);
  });
  slider.addEventListener("input", function () { pause(); show(Number(slider.value)); });
  document.getElementById("previous").addEventListener("click", function () { pause(); step(-1); });
  document.getElementById("next").addEventListener("click", function () { pause(); step(1); });
  document.querySelector(".controls").hidden = false;
  show(frames.length - 1);
})();
