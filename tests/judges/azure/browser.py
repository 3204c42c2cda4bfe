#!/usr/bin/env python3
"""Plays the browser of `az login`: signs in as SIGN_IN_AS and sends the answer where the page says.

Usage: BROWSER="python3 browser.py %s &" az login

Only what a browser does: gets the page, submits its form with one of the accounts it offers, submits the form that comes
back. HTTPS_PROXY and REQUESTS_CA_BUNDLE say how Entra is reached; the standard library is all it needs.
"""

import html.parser
import os
import ssl
import sys
import urllib.parse
import urllib.request

WAIT_SECONDS = 60


class Forms(html.parser.HTMLParser):
    """The first form of a page: its address, its hidden fields, and the accounts to choose from."""

    def __init__(self, page):
        super().__init__()
        self.address, self.fields, self.accounts = None, {}, {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form" and self.address is None:
            self.address = attributes.get("action", "")
        if tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")
        if tag == "option" and "data-account" in attributes:
            self.accounts[attributes["data-account"]] = attributes["value"]


def opener():
    context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def get(browser, address, fields=None):
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    with browser.open(address, data=data, timeout=WAIT_SECONDS) as answer:
        return answer.read().decode()


def main():
    address, account = sys.argv[1], os.environ["SIGN_IN_AS"]
    browser = opener()
    choice = Forms(get(browser, address))
    if account not in choice.accounts:
        sys.exit(f"{account} is not one of {sorted(choice.accounts)}")
    answer = Forms(get(browser, address, {"person": choice.accounts[account], "decision": "sign in"}))
    get(browser, answer.address, answer.fields)


if __name__ == "__main__":
    main()
