from __future__ import annotations

from served_models import Served, form, picture


def test_what_is_counted(server: Served) -> None:
    def numbers() -> dict[str, float]:
        text = server.ask("GET", "/metrics").body.decode()
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if not line.startswith("#")
        }

    before = numbers()
    body, content_type = form(("a.png", picture()), ("b.png", b"no image"), ("c.png", picture()))
    assert server.ask("POST", "/predict?model=again", body, content_type=content_type).status == 200
    server.ask("GET", "/v2/models/nothing-like-it")
    server.ask("GET", "/nowhere/secret-name")
    after = numbers()

    def counted(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert counted('regraft_requests_total{route="/predict",status="200"}') == 1
    assert counted('regraft_requests_total{route="/v2/models/{model}",status="404"}') == 1
    assert counted('regraft_requests_total{route="other",status="404"}') == 1
    assert counted('regraft_images_total{model="again"}') == 2
    assert counted('regraft_unreadable_images_total{model="again"}') == 1
    assert counted('regraft_batch_images_sum{model="again"}') == 2
    assert counted('regraft_request_seconds_count{route="/predict"}') == 1
    assert after['regraft_queue_images{model="again"}'] == 0
    assert after["regraft_requests_in_flight"] == 1  # the one that asks
    assert after['regraft_model_loads_total{model="again",outcome="loaded"}'] == 1
    assert not any("secret-name" in name or "nothing-like-it" in name for name in after)
