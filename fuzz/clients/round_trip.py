"""A flight goes in, is found, read and deleted, by a client that was made of /openapi.json."""

import datetime
import sys

from eider_client import Client, models
from eider_client.api.recordsflights import (
    create_record_flights,
    query_by_post_flights,
    record_flights,
    remove_record_flights,
)

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
flight = models.FlightsNewRecord.from_dict({
    "year": 2013, "month": 1, "day": 1, "sched_dep_time": 1000, "sched_arr_time": 1300, "carrier": "YY", "flight": 1,
    "origin": "JFK", "dest": "LAX", "distance": 2475, "hour": 10, "minute": 0, "time_hour": "2013-01-01T15:00:00Z",
})  # fmt: skip
created = create_record_flights.sync(client=client, body=flight)
assert isinstance(created, models.FlightsRecord), created
assert created.time_hour == datetime.datetime(2013, 1, 1, 15, tzinfo=datetime.timezone.utc), created
query = models.QueryType0.from_dict({"where": {"field": "carrier", "op": "eq", "value": "YY"}})
page = query_by_post_flights.sync_detailed(client=client, body=query)
assert page.status_code == 200, page
read = record_flights.sync(created.id, client=client)
assert isinstance(read, models.FlightsRecord) and read.carrier == "YY", read
removed = remove_record_flights.sync_detailed(created.id, client=client)
assert removed.status_code == 204, removed
print("python: created, found, read and deleted", created.id)
