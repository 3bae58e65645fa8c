"""A flight goes in, is found, read and deleted, by a client that openapi-generator made of /openapi.json."""

import datetime
import sys

import generated_client
from generated_client import FlightsNewRecord, Query, RecordsFlightsApi

records = RecordsFlightsApi(generated_client.ApiClient(generated_client.Configuration(host=sys.argv[1])))
flight = FlightsNewRecord.from_dict({
    "year": 2013, "month": 1, "day": 1, "sched_dep_time": 1000, "sched_arr_time": 1300, "carrier": "XX", "flight": 1,
    "origin": "JFK", "dest": "LAX", "distance": 2475, "hour": 10, "minute": 0, "time_hour": "2013-01-01T15:00:00Z",
})  # fmt: skip
created = records.create_record_flights(flight)
assert created.time_hour == datetime.datetime(2013, 1, 1, 15, tzinfo=datetime.timezone.utc), created
query = Query.from_dict({"where": {"field": "carrier", "op": "eq", "value": "XX"}})
page = records.query_by_post_flights(query)
assert page is not None
read = records.record_flights(created.id)
assert read.carrier == "XX", read
records.remove_record_flights(created.id)
print("openapi-generator: created, found, read and deleted", created.id)
