"""Events by HTTP, as the SDKs of Segment and RudderStack send them, into a source topic.

Law: a request is answered with 200 when Kafka has all its events, and with anything else when a
worker could not read one of them, or when it is to be sent again. In between there is nothing.
"""

from journeystream.ingest.site import Ingest
from journeystream.ingest.source_topic import SourceTopic
from journeystream.ingest.write_keys import refuse_strangers

__all__ = ["Ingest", "SourceTopic", "refuse_strangers"]
