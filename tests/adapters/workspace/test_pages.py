"""The pages around the work, in a browser without script."""

from __future__ import annotations

from tests.adapters.workspace.desk import Desk


def test_a_day_at_the_desk(desk: Desk) -> None:
    """Sign in, unlock, read, sign out."""
    browser = desk.signed_in()
    home = browser.get("/")
    assert home.status_code == 200
    assert "Your key is locked" in home.text
    browser = desk.unlocked()
    assert "Your key is unlocked, by your passphrase" in browser.get("/").text
    picture = browser.get(f"/cases/{desk.scene.main}/picture?purpose=panel_review")
    assert picture.status_code == 200
    assert "2 fragments opened by you" in picture.text
    assert "<style" not in picture.text
    assert browser.get("/account").status_code == 200
    assert browser.post("/sign-out").status_code == 200
    assert browser.get("/").headers["Location"] == "/sign-in"
