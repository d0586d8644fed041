import pytest

from destinations.sandbox.running import running_service
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.sandbox.conftest import SalesloftApi, ann


def crowd(count):
    return [ann(f"p{number}@acme.test", last_name=str(number)) for number in range(count)]


def results(loft, job, status=""):
    """All results of a job by the cursor, a hundred at a time."""
    found, after = [], 0
    while page := loft.data(f"/bulk_jobs/{job}/results?per_page=100&id[gt]={after}{status}"):
        found += page
        after = page[-1]["id"]
    return found


def test_a_job_is_opened_filled_started_and_told_row_by_row(salesloft, loft):
    loft.person(email_address="p0@acme.test", title="VP")
    job = loft.open_job(ann("p0@acme.test", phone="1"), ann("p1@acme.test"), ann("nobody"))
    assert loft.data(f"/bulk_jobs/{job}")["state"] == "open"
    assert len(salesloft.people()) == 1

    started = loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True}).json()["data"]
    assert (started["state"], started["started_at"]) == ("executing", None)
    assert salesloft.wait_for_jobs()

    done = loft.data(f"/bulk_jobs/{job}")
    told = (done["name"], done["state"], done["total"], done["processed"], done["errors"])
    assert told == ("batch-1", "done", 3, 3, 1)
    assert done["started_at"]
    assert done["finished_at"]
    first, second, third = results(loft, job)
    assert (first["resource"]["upsert_type"], first["resource"]["person"]["title"]) == ("update", "VP")
    assert (second["status"], second["resource"]["upsert_type"]) == ("success", "create")
    assert (third["status"], third["error"], third["resource"]) == ("error", "email_address is invalid", None)
    assert third["record"] == ann("nobody")
    assert results(loft, job, "&status=error") == [third]
    assert loft.data("/bulk_jobs?state=done&per_page=100")[0]["id"] == job


def test_rows_are_uploaded_in_several_calls_of_at_most_5000(salesloft, loft):
    job = loft.open_job(*crowd(5000))
    loft.post(f"/bulk_jobs/{job}/job_data", {"data": [ann("last@acme.test")]})
    assert loft.data(f"/bulk_jobs/{job}")["total"] == 5001
    assert loft.refused(f"/bulk_jobs/{job}/job_data", {"data": crowd(5001)})
    assert loft.refused(f"/bulk_jobs/{job}/job_data", {"data": []})
    assert loft.refused(f"/bulk_jobs/{job}/job_data", {"data": ["x"]})
    assert loft.refused(f"/bulk_jobs/{job}/job_data", {"rows": crowd(1)})
    assert loft.data(f"/bulk_jobs/{job}")["total"] == 5001


@pytest.mark.slow
def test_twenty_thousand_people_take_less_than_sixty_requests():
    with running_service(Salesloft, switches={"job_seconds": 0}) as salesloft:
        loft, rows = SalesloftApi(salesloft.url), crowd(20_000)
        with loft.session:
            job = loft.open_job()
            for start in range(0, 20_000, 5000):
                body = {"data": rows[start : start + 5000]}
                assert loft.post(f"/bulk_jobs/{job}/job_data", body, checked=False).ok
            loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
            assert salesloft.wait_for_jobs()
            assert loft.data(f"/bulk_jobs/{job}")["processed"] == 20_000
        assert len(salesloft.people()) == 20_000
        assert salesloft.limits.spent[0] < 60


def test_a_row_that_matches_several_and_one_by_an_unknown_id_fail_alone(salesloft, loft):
    salesloft.faults.set(duplicates=True)
    loft.person(email_address="ann@acme.test")
    loft.person(email_address="ann@acme.test")
    job = loft.run(ann(title="VP"), ann("bob@acme.test"), {"upsert_key": "id", "id": 77, "title": "VP"})
    assert [(each["status"], each["error"]) for each in results(loft, job)] == [
        ("error", "email_address matches more than one record"),
        ("success", None),
        ("error", "Not Found"),
    ]


def test_the_same_email_twice_in_a_job_is_one_person(salesloft, loft):
    job = loft.run(ann(title="first"), ann("ANN@acme.test", title="second"))
    assert [each["resource"]["upsert_type"] for each in results(loft, job)] == ["create", "update"]
    [person] = salesloft.people()
    assert person.fields["title"] == "second"


def test_a_started_job_takes_nothing_more(salesloft, loft):
    salesloft.faults.set(hold_jobs=True)
    job = loft.open_job(ann())
    loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert set(loft.refused(f"/bulk_jobs/{job}/job_data", {"data": [ann()]})) == {"state"}
    assert set(loft.refused(f"/bulk_jobs/{job}", {"ready_to_execute": True}, method="PUT")) == {"state"}


def test_results_are_empty_until_the_job_is_done_but_rows_can_be_read_back(salesloft, loft):
    salesloft.faults.set(hold_jobs=True)
    job = loft.open_job(ann(), ann("bob@acme.test"))
    loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert results(loft, job) == []
    kept = loft.data(f"/bulk_jobs/{job}/job_data?per_page=100")
    assert [(each["status"], each["record"]["email_address"]) for each in kept] == [
        ("pending", "ann@acme.test"),
        ("pending", "bob@acme.test"),
    ]
    salesloft.faults.set(hold_jobs=False)
    assert salesloft.wait_for_jobs()
    assert len(results(loft, job)) == 2
    salesloft.clock.advance(31 * 86400)
    assert results(loft, job) == []


def test_jobs_run_one_at_a_time_in_the_order_they_were_started(salesloft, loft):
    salesloft.faults.set(hold_jobs=True)
    jobs = [loft.open_job(ann(title=str(number))) for number in range(3)]
    for job in reversed(jobs):
        loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
        salesloft.clock.advance(1)
    salesloft.faults.set(hold_jobs=False)
    assert salesloft.wait_for_jobs()
    assert salesloft.people()[0].fields["title"] == "0"


def test_a_job_is_cancelled_and_gone(salesloft, loft):
    salesloft.faults.set(hold_jobs=True)
    job = loft.open_job(ann())
    loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert loft.call("DELETE", f"/bulk_jobs/{job}").status_code == 204
    assert loft.call("DELETE", f"/bulk_jobs/{job}").status_code == 404
    assert loft.get(f"/bulk_jobs/{job}").status_code == 404
    assert loft.get(f"/bulk_jobs/{job}/results").status_code == 404
    salesloft.faults.set(hold_jobs=False)
    assert salesloft.wait_for_jobs()
    assert salesloft.people() == []


def test_only_upserts_of_people_are_a_type(loft):
    assert set(loft.refused("/bulk_jobs", {"type": "account/upsert"})) == {"type"}
    assert set(loft.refused("/bulk_jobs", {"type": "person/upsert", "rows": 5})) == {"rows"}


def test_an_account_can_be_refused_bulk_jobs(salesloft, loft):
    salesloft.faults.set(bulk_jobs=False)
    assert loft.post("/bulk_jobs", {"type": "person/upsert"}).status_code == 403
    salesloft.faults.set(bulk_refusal=404)
    assert loft.post("/bulk_jobs", {"type": "person/upsert"}, checked=False).status_code == 404
    assert loft.post("/person_upserts", ann()).status_code == 200


def test_a_crm_id_in_a_row_needs_the_scope_of_who_opened_the_job(salesloft, loft):
    row = ann(crm_id="00Q4x000000abcdEAA", crm_id_type="salesforce")
    body = {"type": "person/upsert"}
    job = loft.post("/bulk_jobs", body, key="no-team-key").json()["data"]["id"]
    loft.post(f"/bulk_jobs/{job}/job_data", {"data": [row, ann("bob@acme.test")]})
    loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert salesloft.wait_for_jobs()
    first, second = results(loft, job)
    assert ("crm_id_person:write" in first["error"], second["status"]) == (True, "success")
    assert results(loft, loft.run(row))[0]["status"] == "success"


def test_rows_draw_nothing_from_the_budget(salesloft, loft):
    job = loft.open_job(*crowd(50))
    before = salesloft.limits.spent
    loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert salesloft.wait_for_jobs()
    assert salesloft.limits.spent[0] - before[0] in (1, 1 - before[0])  # the second: a window began


# What can go wrong


def test_a_job_can_be_done_before_all_of_its_rows_are(salesloft, loft):
    salesloft.faults.set(job_fail_next=1, job_fail_part=0.3)
    job = loft.run(*crowd(10))
    told = loft.data(f"/bulk_jobs/{job}")
    assert (told["state"], told["total"], told["processed"]) == ("done", 10, 3)
    assert (len(results(loft, job)), len(salesloft.people())) == (3, 3)


def test_rows_can_be_left_out_of_the_results_applied_or_not(salesloft, loft):
    salesloft.faults.set(row_missing_next=1)
    first = loft.run(ann(), ann("bob@acme.test"))
    salesloft.faults.set(row_missing_next=1, missing_applied=False)
    second = loft.run(ann("cyd@acme.test"), ann("dan@acme.test"))
    told = [[each["record"]["email_address"] for each in results(loft, job)] for job in (first, second)]
    assert told == [["bob@acme.test"], ["dan@acme.test"]]
    assert {person.match_key for person in salesloft.people()} == {
        "ann@acme.test",
        "bob@acme.test",
        "dan@acme.test",
    }
    assert loft.data(f"/bulk_jobs/{first}")["processed"] == 2


def test_a_row_can_be_refused_for_no_reason(salesloft, loft):
    salesloft.faults.set(row_fail_next=1)
    job = loft.run(ann(), ann("bob@acme.test"))
    assert [each["status"] for each in results(loft, job)] == ["error", "success"]


def test_a_job_can_never_end_or_be_gone_although_it_was_applied(salesloft, loft):
    salesloft.faults.set(job_stuck_next=1)
    stuck = loft.open_job(ann())
    salesloft.faults.set(job_lost_next=1)
    lost = loft.open_job(ann("bob@acme.test"))
    for job in (stuck, lost):
        loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
    assert salesloft.wait_for_jobs()
    assert loft.data(f"/bulk_jobs/{stuck}")["state"] == "executing"
    assert loft.get(f"/bulk_jobs/{lost}").status_code == 404
    assert [person.match_key for person in salesloft.people()] == ["bob@acme.test"]


def test_an_upload_can_be_answered_wrongly(salesloft, loft):
    job = loft.open_job()
    salesloft.faults.set(upload_short_next=1)
    short = loft.post(f"/bulk_jobs/{job}/job_data", {"data": crowd(5)}).json()["data"]
    salesloft.faults.set(upload_twice_next=1)
    twice = loft.post(f"/bulk_jobs/{job}/job_data", {"data": crowd(5)}).json()["data"]
    assert (short, twice, loft.data(f"/bulk_jobs/{job}")["total"]) == ({"records": 4}, {"records": 10}, 15)


def test_a_restarted_sandbox_goes_on_in_the_middle_of_a_job(tmp_path):
    file = str(tmp_path / "sandbox.sqlite3")
    with running_service(Salesloft, state=file, switches={"hold_jobs": True, "job_seconds": 0}) as first:
        loft = SalesloftApi(first.url)
        with loft.session:
            job = loft.open_job(*crowd(1200))
            loft.put(f"/bulk_jobs/{job}", {"ready_to_execute": True})
        [found] = first.state.executing_jobs()
        first.jobs._work(found)
    assert (tmp_path / "sandbox-salesloft.sqlite3").exists()

    with running_service(Salesloft, state=file) as second:
        assert len(second.people()) == 500
        second.faults.set(hold_jobs=False)
        assert second.wait_for_jobs()
        assert [person.write_count for person in second.people()] == [1] * 1200
