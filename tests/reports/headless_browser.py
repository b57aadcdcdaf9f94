"""A real browser without a window: Chromium or Chrome, through Selenium."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip

LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, for text that is not large
# Each text with its contrast to what lies behind it.
CONTRASTS = """(() => {
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => e.getClientRects().length)
    .map(e => {
      const [a, b] = [numbers(getComputedStyle(e).color), behind(e)].map(luminance).sort((x, y) => y - x);
      return [e.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)];
    });
})()"""


def missing_browser() -> str | None:
    """Return what there is to install before a browser can be started, or None."""
    if not any(map(shutil.which, BROWSERS)) or not shutil.which("chromedriver"):
        return "needs Chromium and its driver: make browser, or apt-get install chromium chromium-driver"
    return None


class Browser:
    """One browser with a profile of its own; every page is opened anew."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        os.environ["SE_OFFLINE"] = "true"  # Selenium fetches no driver of its own
        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def open(
        self,
        path: Path,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        motion: str = "no-preference",
        scripts: bool = True,
    ) -> None:
        """Open a file in a window of a size, in a colour scheme, with or without motion and scripts."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = [{"name": name, "value": value} for name, value in features.items()]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.tell("Emulation.setEmulatedMedia", features=media)
        self.tell("Emulation.setDeviceMetricsOverride", **size)
        self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # what came before is another page's
        self.driver.get(path.resolve().as_uri())

    def tell(self, command: str, **arguments: Any) -> None:
        """Give a command of the Chrome DevTools Protocol."""
        self.driver.execute_cdp_cmd(command, arguments)

    def ask(self, script: str) -> Any:
        """Return what a JavaScript expression gives on the page."""
        return self.driver.execute_script(f"return ({script})")

    def requests(self) -> list[str]:
        """Return the addresses that the page has asked for, itself and what it holds left out.

        Newer browsers begin with a page of their own, which asks for its parts within the browser.
        """
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
        addresses = [message["params"]["request"]["url"] for message in sent]
        return [
            address
            for address in addresses
            if not address.startswith(("data:", "chrome://")) and address != self.driver.current_url
        ]

    def press(self, *names: str) -> None:
        """Press keys one after the other, as "ARROW_LEFT" or "TAB", on what has the focus."""
        from selenium.webdriver.common.keys import Keys

        for name in names:
            self.driver.switch_to.active_element.send_keys(getattr(Keys, name))


def wait_until(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true within 20 seconds."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()
