"""What Qualified's refusals and requests mean, for people: facts as in `qualified.py` (read 26 Aug 2026)."""

from destinations.contract import Problem, Step, Who

DOCS = "https://app.qualified.com/docs/api"

PROBLEMS = (
    Problem(
        "unknown_field",
        "Refused: an unknown field",
        "Qualified does not know a field that was sent. Names of fields are case-sensitive, and a custom "
        "field must exist in Qualified before it can be filled.",
        "Open the sync's mapping, refresh the fields, and map one that Qualified lists; or have the field "
        "created in Qualified, then send the rows again.",
        Who.EDITOR,
        DOCS,
    ),
    Problem(
        "missing_scope",
        "Refused: a permission is missing",
        "The API key may not write these records: Qualified gives each key its own scopes.",
        "An admin of Qualified gives the key the scopes that the destination's page lists. Then test the "
        "destination, and send the rows again.",
        Who.ADMIN,
        DOCS,
    ),
    Problem(
        "invalid_key",
        "Refused: a wrong address",
        "Qualified knows leads by their e-mail address and companies by their domain, and it does not take "
        "the one in this row.",
        "Correct the address in the source. The next run sees the change and sends the row by itself.",
        Who.DATA,
        DOCS,
    ),
    Problem(
        "invalid_value",
        "Refused: a value that is not accepted",
        "A value does not fit its field in Qualified: it is too long, of another kind, or none of a "
        "picklist's options. The reason at the row names the field where Qualified does.",
        "Correct the value in the source or in the sync's mapping, or let an admin of Qualified allow it "
        "there: a new picklist option, say.",
        Who.DATA,
        DOCS,
    ),
)

STEPS = (
    Step("POST", r"/bulk(/\w+)?$", "Hand the rows over"),
    Step("GET", r"/bulk/(jobs/)?[^/?]+$", "Ask what became of the rows"),
    Step("GET", r"/fields$", "List the fields"),
)
