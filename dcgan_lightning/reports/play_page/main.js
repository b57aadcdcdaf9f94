// The start of the page.

try {
  const page = JSON.parse(document.getElementById("data").textContent);
  window.player = preparePage(page); // for tests and the curious
  document.querySelector("main").hidden = false;
} catch (error) {
  const failure = document.getElementById("failure");
  failure.textContent = `This browser cannot show the page: ${error.message}`;
  failure.hidden = false;
  throw error;
}
