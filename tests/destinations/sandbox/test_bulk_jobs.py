import pytest

from tests.destinations.sandbox.conftest import company, lead


def test_a_job_is_accepted_first_and_its_records_come_later(sandbox, api):
    sandbox.faults.set(hold_jobs=True)
    job = api.submit(lead("ann@acme.test", title="VP"))
    early = api.get(f"/v2/bulk/{job}").json()["job"]
    assert (early["status"], early["totalRecords"], early["result"]) == ("enqueued", 1, [])
    assert sandbox.leads() == {}

    sandbox.faults.set(hold_jobs=False)
    done = api.finished(job)

    assert (done["status"], done["processedRecords"], done["failedRecords"]) == ("completed", 1, 0)
    assert done["result"] == [
        {"requestId": "ann@acme.test", "status": "completed", "operation": "create", "errors": []}
    ]
    assert sandbox.leads()["ann@acme.test"].fields == {"title": "VP"}


def test_a_job_is_enqueued_then_processing_then_completed_as_time_passes(sandbox, api):
    sandbox.faults.set(job_seconds=1000, job_spread=0)
    job = api.submit(lead("ann@acme.test"))
    seen = [api.get(f"/v2/bulk/{job}").json()["job"]["status"]]
    sandbox.advance_clock(500)
    seen.append(api.get(f"/v2/bulk/{job}").json()["job"]["status"])
    sandbox.advance_clock(501)
    seen.append(api.finished(job)["status"])
    assert seen == ["enqueued", "processing", "completed"]


def test_refused_items_are_told_one_by_one_and_the_others_are_applied(sandbox, api):
    job = api.run(
        lead("ann@acme.test", title="VP"),
        lead("bob@acme", title="VP"),
        lead("cyd@acme.test", title=7, Shoe__c=1),
        company("acme.test", industry="Dragons"),
    )

    assert (job["status"], job["processedRecords"], job["failedRecords"]) == ("completed", 4, 3)
    assert [(entry["requestId"], entry["errors"]) for entry in job["result"]] == [
        ("ann@acme.test", []),
        ("bob@acme", ["email is invalid"]),
        ("cyd@acme.test", ["Invalid value for title: must be a string", "Unknown field: Shoe__c"]),
        ("acme.test", ["Invalid value for industry: is not one of the options"]),
    ]
    assert (list(sandbox.leads()), sandbox.companies()) == (["ann@acme.test"], {})


def test_a_key_that_comes_twice_in_a_batch_is_applied_in_order(sandbox, api):
    job = api.run(
        lead("ann@acme.test", request_id="1", title="first", phone="1"),
        lead("ANN@acme.test", request_id="2", title="second"),
    )
    assert [entry["operation"] for entry in job["result"]] == ["create", "update"]
    assert sandbox.leads()["ann@acme.test"].fields == {"title": "second", "phone": "1"}


def test_two_items_may_have_the_same_request_id_and_both_are_answered(sandbox, api):
    job = api.run(lead("ann@acme.test", request_id="1"), lead("no", request_id="1"))
    assert [(e["requestId"], e["status"]) for e in job["result"]] == [("1", "completed"), ("1", "failed")]


def test_jobs_finish_in_the_order_they_came(sandbox, api):
    sandbox.faults.set(job_seconds=0.02, job_spread=1)
    for number in range(12):
        api.submit(lead("ann@acme.test", Lead_Score__c=number))
    assert sandbox.wait_for_jobs()
    assert sandbox.leads()["ann@acme.test"].fields == {"Lead_Score__c": 11}


def test_jobs_overtake_each_other_where_that_is_switched_on(sandbox, api):
    sandbox.faults.set(job_seconds=10_000, overtake=True, seed=3)
    for number in range(10):
        api.submit(lead("ann@acme.test", Lead_Score__c=number))
    sandbox.advance_clock(100_000)
    assert sandbox.wait_for_jobs()

    finished = sandbox.service.state.jobs(limit=20)
    by_end = [job.id for job in sorted(finished, key=lambda job: job.due_at)]
    assert len(by_end) == 10
    assert by_end != sorted(by_end)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"items": []}, 422, "size 1..500"),
        ({"items": [lead("a@acme.test")] * 501}, 422, "size 1..500"),
        ({"items": {}}, 422, "size 1..500"),
        ({}, 422, "size 1..500"),
        ({"items": ["x"]}, 422, "items[0] must be an object"),
        ({"items": [lead("a@acme.test"), {**lead("b@acme.test"), "action": "PUT"}]}, 422, "items[1].action"),
        ({"items": [{**lead("a@acme.test"), "entity": "person"}]}, 422, "items[0].entity"),
        ({"items": [{**lead("a@acme.test"), "data": None}]}, 422, "items[0].data"),
        ({"items": [{**lead("a@acme.test"), "request_id": 7}]}, 422, "items[0].request_id"),
        ([lead("a@acme.test")], 400, "Invalid request"),
        (None, 400, "Invalid request"),
    ],
)
def test_a_batch_of_a_wrong_form_is_refused_as_a_whole(sandbox, api, body, status, said):
    answer = api.post("/v2/bulk", body)
    assert answer.status_code == status
    assert said in answer.json()["message"]
    assert sandbox.service.state.counts()["jobs"] == 0


def test_a_batch_of_the_largest_size_is_taken(sandbox, api):
    job = api.run(*(lead(f"p{number}@acme.test") for number in range(500)))
    assert (job["totalRecords"], len(sandbox.leads())) == (500, 500)


def test_a_finished_job_is_gone_after_a_day_and_an_unfinished_one_never(sandbox, api):
    job = api.submit(lead("ann@acme.test"))
    api.finished(job)
    sandbox.faults.set(job_stuck_next=1)
    stuck = api.submit(lead("bob@acme.test"))

    sandbox.advance_clock(86_400 - 60)
    assert api.get(f"/v2/bulk/{job}").status_code == 200
    sandbox.advance_clock(61)

    assert api.get(f"/v2/bulk/{job}").status_code == 404
    assert api.get(f"/v2/bulk/{stuck}").json()["job"]["status"] == "processing"


def test_the_paths_of_one_partner_take_items_without_entity(sandbox, api):
    def item(**data):
        return {"action": "POST", "request_id": "1", "data": data}

    leads = api.post("/bulk/leads", {"items": [item(email="ann@acme.test", fields={"title": "VP"})]})
    companies = api.post("/bulk/companies", {"items": [item(domain="acme.test", name="Acme")]})
    assert sandbox.wait_for_jobs()

    for answer in (leads, companies):
        job = api.get(f"/bulk/jobs/{answer.json()['job']['id']}").json()["job"]
        assert (job["status"], job["failedRecords"]) == ("completed", 0)
    assert sandbox.leads()["ann@acme.test"].fields == {"title": "VP"}
    assert sandbox.companies()["acme.test"].name == "Acme"


def test_a_job_can_fail_whole_or_after_a_part_of_its_items(sandbox, api):
    sandbox.faults.set(job_fail_next=1)
    whole = api.run(lead("ann@acme.test"), lead("bob@acme.test"))
    assert (whole["status"], whole["result"], sandbox.leads()) == ("failed", [], {})

    sandbox.faults.set(job_fail_next=1, job_fail_part=0.5)
    part = api.run(lead("ann@acme.test"), lead("bob@acme.test"))
    assert (part["status"], part["processedRecords"]) == ("failed", 1)
    assert list(sandbox.leads()) == ["ann@acme.test"]

    assert api.run(lead("bob@acme.test"))["status"] == "completed"


def test_a_job_can_expire_although_it_was_applied(sandbox, api):
    sandbox.faults.set(job_expire_next=1)
    job = api.submit(lead("ann@acme.test"))
    assert sandbox.wait_for_jobs()
    assert api.get(f"/v2/bulk/{job}").status_code == 404
    assert list(sandbox.leads()) == ["ann@acme.test"]


def test_items_can_be_left_out_of_the_result_applied_or_not(sandbox, api):
    sandbox.faults.set(item_missing_next=1)
    first = api.run(lead("ann@acme.test"), lead("bob@acme.test"))
    sandbox.faults.set(item_missing_next=1, missing_applied=False)
    second = api.run(lead("cyd@acme.test"), lead("dan@acme.test"))

    assert [entry["requestId"] for entry in first["result"]] == ["bob@acme.test"]
    assert [entry["requestId"] for entry in second["result"]] == ["dan@acme.test"]
    assert set(sandbox.leads()) == {"ann@acme.test", "bob@acme.test", "dan@acme.test"}


def test_items_can_be_refused_for_no_reason_or_be_told_twice(sandbox, api):
    sandbox.faults.set(item_fail_next=1, item_duplicate_next=1)
    job = api.run(lead("ann@acme.test"), lead("bob@acme.test"))
    told = [(entry["requestId"], entry["status"]) for entry in job["result"]]
    assert told == [("ann@acme.test", "failed"), ("ann@acme.test", "failed"), ("bob@acme.test", "completed")]
    assert list(sandbox.leads()) == ["bob@acme.test"]
