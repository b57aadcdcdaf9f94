(function () {
  "use strict";
  var live = document.getElementById("live");
  var slider = document.getElementById("slider");
  var follow = document.getElementById("follow");
  var details = document.querySelectorAll("details");
  var again = 1000 * Number(live.dataset.again);
  var written = 1000 * Number(live.dataset.written);
  var opened = Date.now();
  var key = "report " + location.pathname;

  // What the reader has opened and where the page stood, from one loading to the next.
  function restore() {
    var kept = JSON.parse(sessionStorage.getItem(key));
    if (!kept) return;
    kept.open.forEach(function (i) { if (details[i]) details[i].open = true; });
    scrollTo(0, kept.scroll);
  }
  function keep() {
    var open = [];
    details.forEach(function (item, i) { if (item.open) open.push(i); });
    sessionStorage.setItem(key, JSON.stringify({ open: open, scroll: scrollY }));
  }
  function isLooking() {
    return (slider && slider.value !== slider.max) || String(getSelection()) !== "";
  }
  function look() {
    var isSilent = Date.now() - written > Math.max(180000, 10 * again);
    document.getElementById("silence").hidden = !isSilent;
    follow.textContent = isLooking() ? "It waits while you look at an earlier moment." : "This page follows the training.";
    if (document.hidden || isLooking() || Date.now() - opened < (isSilent ? 6 * again : again)) return;
    try { keep(); } catch (error) { /* the place is lost, the page is not */ }
    location.reload();
  }
  try { restore(); } catch (error) { /* a browser without storage */ }
  look();
  setInterval(look, 1000);
})();
