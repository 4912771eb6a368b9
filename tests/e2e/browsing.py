"""What the tests of the page share: a headless Chromium and what it was seen to do. Not a test itself."""
import contextlib
import json
import os
import shutil
import time

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE = 15


def start():
    """Chromium by its driver of the system: nothing is looked up or fetched."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="SKIP no selenium in build/venv")
    if not (CHROMIUM and DRIVER):
        pytest.skip("SKIP there is no chromium or no chromedriver (tools/deps.sh test)")
    os.environ["SE_OFFLINE"] = "true"
    o = webdriver.ChromeOptions()
    o.binary_location = CHROMIUM
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1200,1500"):
        o.add_argument("--" + switch)
    o.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=webdriver.ChromeService(executable_path=DRIVER), options=o)


class Browser:
    """A page open in a window of its own size and colours; see `clean` for what it may not do."""

    def __init__(self, driver, url, downloads):
        self.driver, self.url, self.downloads = driver, url, downloads
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self.media("light")
        self.cdp("Emulation.clearDeviceMetricsOverride")
        driver.get("about:blank")
        self.logs()
        self.open()

    def open(self, path="/"):
        self.driver.get("about:blank")  # a new #hash alone would load nothing
        self.driver.get(self.url + path)
        self.until(lambda: self.count("#models tr"))

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def media(self, scheme):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                         {"name": "prefers-reduced-motion", "value": "reduce"}])

    def width(self, pixels):
        self.cdp("Emulation.setDeviceMetricsOverride", width=pixels, height=800, deviceScaleFactor=2, mobile=True)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent", selector)

    def count(self, selector):
        return self.js("return document.querySelectorAll(arguments[0]).length", selector)

    def until(self, check, seconds=PATIENCE):
        """Waits for check() to be true; its value. What it raises meanwhile counts as no."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError, LookupError, ValueError):
                value = check()
                if value:
                    return value
            time.sleep(0.03)
        value = check()  # its own words
        assert value
        return value

    def write(self, text):
        box = self.one("#text")
        box.clear()
        box.send_keys(text)

    def keys(self, *keys):
        from selenium.webdriver import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def back(self, times):
        """Shift and tab, so many times."""
        from selenium.webdriver import ActionChains, Keys
        actions = ActionChains(self.driver).key_down(Keys.SHIFT)
        for _ in range(times):
            actions.send_keys(Keys.TAB)
        actions.key_up(Keys.SHIFT).perform()

    def downloaded(self):
        """The one file that was saved since; it is taken away."""
        def there():
            return [p for p in self.downloads.iterdir() if p.suffix not in (".crdownload", ".tmp") and p.stat().st_size]
        path = self.until(there)[0]
        content = path.read_bytes()
        path.unlink()
        return path.name, content

    def logs(self):
        """Console messages above the ordinary, and addresses asked for, since the last look."""
        messages = [m["message"] for m in self.driver.get_log("browser") if m["level"] not in ("DEBUG", "INFO")]
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return messages, [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def clean(self):
        """No complaint on the console (a policy that forbids what the page needs is one), no other host."""
        messages, urls = self.logs()
        assert messages == []
        assert urls and all(u.startswith((self.url + "/", "data:image/svg+xml,", f"blob:{self.url}/")) or u == "about:blank" for u in urls), urls
