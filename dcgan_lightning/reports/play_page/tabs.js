// The tabs of a generator's page, and what is in them.

function prepareTabs(tools) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  let current = null;

  function choose(tab) {
    if (tab === current) return;
    const before = current && tools[panelOf(current).id];
    for (const other of tabs) {
      other.setAttribute("aria-selected", other === tab);
      other.tabIndex = other === tab ? 0 : -1;
      panelOf(other).hidden = other !== tab;
    }
    current = tab;
    if (before && before.close) before.close();
    const tool = tools[panelOf(tab).id];
    if (tool && tool.open) tool.open();
  }

  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const places = { ArrowRight: i + 1, ArrowLeft: i - 1 + tabs.length, Home: 0, End: tabs.length - 1 };
      if (!(event.key in places)) return;
      event.preventDefault();
      const next = tabs[places[event.key] % tabs.length];
      choose(next);
      next.focus();
    });
  });
  choose(tabs[0]);
}

const PREPARE = { map: prepareMap, walk: prepareWalk, mix: prepareMix, quiz: prepareQuiz };

// The page of a generator.
function preparePage(page) {
  const player = prepareGenerator(page);
  const chosen = Object.entries(PREPARE).filter(([name]) => document.getElementById(name));
  const tools = Object.fromEntries(chosen.map(([name, prepare]) => [name, prepare(player)]));
  prepareTabs(tools);
  return player;
}
