"""Who may ask, and how much; and what an operator asks: health, metrics and the description."""

from helpers.serving import TWO, error_of
from mnist_graph.serving import catalogue, limits


def test_only_this_server_and_its_own_pages_are_answered(client):
    for host in ('evil.example', 'localhost.evil.example', 'a@localhost:x', '', 'x' * 300):
        error_of(client.get('/healthz', headers={'host': host}), 421)
    for host in ('localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'LOCALHOST'):
        assert client.get('/healthz', headers={'host': host}).status_code == 200, host
    for origin in ('http://evil.example', 'null', 'http://localhost:81', 'http://localhost.evil.example'):
        assert 'other sites' in error_of(client.post('/read', content=TWO, headers={'origin': origin}), 403)
    assert client.post('/read', content=TWO, headers={'origin': 'http://localhost'}).status_code == 200
    error_of(client.post('/read', content=TWO, headers={'sec-fetch-site': 'cross-site'}), 403)


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for response in (client.get('/'), client.get('/nope'), client.get('/', headers={'host': 'evil.example'})):
        policy = response.headers['content-security-policy']
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and 'unsafe' not in policy
        assert response.headers['x-content-type-options'] == 'nosniff' and 'set-cookie' not in response.headers


def test_a_body_that_is_too_large_is_refused(client, monkeypatch):
    monkeypatch.setattr(limits, 'MAX_BODY_BYTES', 1000)
    error_of(client.post('/read', content=bytes(1001)), 413)
    error_of(client.post('/read', content=iter([bytes(600), bytes(600)])), 413)
    assert 'not a picture' in error_of(client.post('/read', content=bytes(1000)), 400)


def test_too_many_requests_are_told_when_to_come_again(client, monkeypatch):
    monkeypatch.setattr(limits, 'MOST_REQUESTS', 0)
    response = client.post('/read', content=TWO)
    error_of(response, 503)
    assert response.headers['retry-after'] == '1'
    assert client.get('/healthz').status_code == 200


def test_a_defect_shows_no_trace(client, monkeypatch):
    monkeypatch.setattr(catalogue.ServedModel, 'versions', lambda self: 1 / 0)
    response = client.get('/v1/models/small')
    assert error_of(response, 500) == 'an error of the server; its log says more' and 'Zero' not in response.text


def test_health_and_metrics(client, server):
    assert client.get('/healthz').json() == client.get('/readyz').json() == {'status': 'ok'}
    client.post('/read', content=TWO)
    text = client.get('/metrics').text
    assert 'mnist_graph_requests_total{route="/read",status="200"}' in text
    assert 'mnist_graph_request_seconds_bucket' in text and 'mnist_graph_requests_in_flight 0.0' in text
    server[1].is_draining = True
    try:
        assert client.get('/readyz').status_code == 503
        assert client.get('/healthz').headers['connection'] == 'close'
    finally:
        server[1].is_draining = False


def test_the_description_names_every_route(client):
    described = client.get('/openapi.json').json()
    assert {'/read', '/unit', '/models', '/corrections', '/healthz', '/v1/models/{name}:predict'} <= set(
        described['paths']
    )
    assert 'image/*' in described['paths']['/read']['post']['requestBody']['content']
