"""`/summary/findings`: findings counted, for charts. All take the filters of `/findings`."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from waypost.access.keys import Scope
from waypost.api import guard
from waypost.api.calls import Called
from waypost.api.filtering import OF_FINDINGS, Filtered
from waypost.unified import summaries, trends
from waypost.unified.numbers import Ages, Resolutions, Summary, Trend

By = Annotated[
    str,
    Parameter(
        max_length=40,
        description=f"What they shall be counted by: {', '.join(f'`{by}`' for by in summaries.BY)}.",
    ),
]
Days = Annotated[int, Parameter(ge=1, le=trends.MOST_DAYS, description="So many days, today among them.")]


@get(
    "/summary/findings",
    operation_id="summarizeFindings",
    tags=["summaries"],
    summary="Count the findings by something",
    description=f"The {summaries.MOST} largest groups, the others added up; by severity and by state all words, by day "
    f"the latest {summaries.MOST_DAYS} on which any was detected. Every number is exact. By organization they are "
    "counted for keys alone that are bound to none.",
    dependencies=OF_FINDINGS,
    opt=guard.needs(Scope.READ, problems=(403, 504)),
)
async def summarize_findings(call: Called, filters: Filtered, by: By = "severity") -> Summary:
    return await summaries.grouped(call.db, by, filters, organization_id=call.organization_id)


@get(
    "/summary/findings/trend",
    operation_id="trendOfFindings",
    tags=["summaries"],
    summary="Count the findings day by day",
    description="Opened, resolved, reopened, and open when the day ended; days of UTC. By the dates that the console "
    "gives, so it goes back before Waypost was connected. A finding without a date of detection counts as open from "
    "the beginning; one that came back counts as open since it was first detected.",
    dependencies=OF_FINDINGS,
    opt=guard.needs(Scope.READ, problems=(504,)),
)
async def trend_of_findings(call: Called, filters: Filtered, days: Days = 90) -> Trend:
    return await trends.trend(call.db, filters, days=days, organization_id=call.organization_id)


@get(
    "/summary/findings/resolution",
    operation_id="resolutionOfFindings",
    tags=["summaries"],
    summary="Show how long it takes to resolve findings",
    description="Mean and median time from detection to resolution of the findings that were resolved in these days, "
    "by severity and for all.",
    dependencies=OF_FINDINGS,
    opt=guard.needs(Scope.READ, problems=(504,)),
)
async def resolution_of_findings(call: Called, filters: Filtered, days: Days = 90) -> Resolutions:
    return await trends.resolution(call.db, filters, days=days, organization_id=call.organization_id)


@get(
    "/summary/findings/age",
    operation_id="ageOfFindings",
    tags=["summaries"],
    summary="Show how old the open findings are",
    description="Findings that are not resolved, by how long ago they were detected.",
    dependencies=OF_FINDINGS,
    opt=guard.needs(Scope.READ, problems=(504,)),
)
async def age_of_findings(call: Called, filters: Filtered) -> Ages:
    return await trends.age(call.db, filters, organization_id=call.organization_id)


ROUTES = (summarize_findings, trend_of_findings, resolution_of_findings, age_of_findings)
