"""What Salesloft's refusals and requests mean, for people: facts as in `salesloft.py` (read 26 Aug 2026)."""

from destinations.contract import Problem, Step, Who

BASICS = "https://developers.salesloft.com/docs/platform/api-basics"
DOCS = "https://developers.salesloft.com/docs/api/"

PROBLEMS = (
    Problem(
        "exists",
        "The record is there already",
        "The sync only creates records, and Salesloft has one with this key already. It was left alone.",
        "Choose the mode upsert if records that are there should be changed too, or leave them out of the "
        "model.",
        Who.EDITOR,
        DOCS,
    ),
    Problem(
        "ambiguous",
        "Several records have this key",
        "More than one person or account in Salesloft has this key, so that nobody can tell which one is "
        "meant. None was changed.",
        "Merge the duplicates in Salesloft, or let the sync go by the Salesloft ID.",
        Who.ADMIN,
        DOCS,
    ),
    Problem(
        "missing",
        "There is no such record",
        "The sync only changes records, and Salesloft has none with this key: or none that the connection's "
        "user may see.",
        "Correct the key in the source or leave the row out. If the record is there, let an admin of "
        "Salesloft look at what the connection's user may see.",
        Who.DATA,
        DOCS,
    ),
    Problem(
        "owner",
        "Refused: the owner",
        "Salesloft knows no active user by what the row names as its owner.",
        "Name an active user of the Salesloft team in the source, or take the owner out of the mapping.",
        Who.DATA,
        DOCS,
    ),
    Problem(
        "crm_id",
        "Refused: the CRM ID",
        "The row's CRM ID is no ID of a Salesforce record of the right kind. Salesloft wants all 18 "
        "characters.",
        "Give the 18 characters in the source; in Salesforce the formula CASESAFEID makes them of 15.",
        Who.DATA,
        DOCS,
    ),
    Problem(
        "needs_name",
        "Refused: an account without a name",
        "Salesloft creates no account without a name and a domain.",
        "Map the account's name in the sync, or leave accounts without one out of the model.",
        Who.EDITOR,
        DOCS,
    ),
    Problem(
        "invalid_key",
        "Refused: a wrong or taken address",
        "Salesloft does not take the e-mail address or the domain of this row: it is written wrongly, or "
        "another record has it.",
        "Correct the address in the source, or settle in Salesloft which record keeps it.",
        Who.DATA,
        DOCS,
    ),
    Problem(
        "invalid_value",
        "Refused: a value that is not accepted",
        "A value does not fit its field in Salesloft. The reason at the row quotes what Salesloft said.",
        "Correct the value in the source or in the sync's mapping, or let an admin of Salesloft allow it "
        "there.",
        Who.DATA,
        BASICS,
    ),
    Problem(
        "not_found",
        "Refused: something that the row names is not there",
        "The row names a record by its number (an account, an owner, a stage), and Salesloft has none with "
        "it, or none that the connection's user may see.",
        "Check the numbers in the row. If they are right, let an admin of Salesloft look at what the "
        "connection's user may see.",
        Who.DATA,
        BASICS,
    ),
)

STEPS = (
    Step("POST", r"/bulk_jobs$", "Create the job"),
    Step("POST", r"/bulk_jobs/[^/?]+/job_data$", "Upload the rows"),
    Step("PUT", r"/bulk_jobs/[^/?]+$", "Start the job"),
    Step("GET", r"/bulk_jobs/[^/?]+/results", "Read the results"),
    Step("GET", r"/bulk_jobs/[^/?]+$", "Ask how far the job is"),
    Step("GET", r"/bulk_jobs(\?|$)", "Look for the job"),
    Step("DELETE", r"/bulk_jobs/", "Remove the job"),
    Step("POST", r"/(person|account)_upserts$", "Create or change a record"),
    Step("POST", r"/(people|accounts)$", "Create a record"),
    Step("PUT", r"/(people|accounts)/", "Change a record"),
    Step("GET", r"/(people|accounts)(\?|$)", "Look records up"),
    Step("GET", r"/(people|accounts)/", "Look a record up"),
    Step("GET", r"/custom_fields", "List the fields"),
)
