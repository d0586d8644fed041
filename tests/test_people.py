def test_alice_and_charlie_are_on_different_teams(alice, charlie):
    assert set(alice.teams.all()).isdisjoint(charlie.teams.all())
