"""The commented `journeystream.yaml` that `journeystream init` writes.

Law: it names every setting, and what it says of defaults is so (tests/test_project.py).
"""

TEMPLATE = """\
# The settings of this project. An environment variable wins over a line of this file:
# JOURNEYSTREAM_KAFKA__BOOTSTRAP=kafka-1:9092 over kafka: bootstrap.

app: journeystream             # prefix of the consumer group, internal topics, transactional ids
time_zone: UTC                 # of journeys and users that have none of their own
time_zone_trait: null          # the trait that names a user's own zone, as in address.timezone
time: live                     # replay: wall time is kept out, old events play in their time

sources:                       # the topics of user events that journeys read
  - topic: events
    keyed_by_user: false       # true: the producer keys each record by its user's id

destinations:                  # where send steps write; each has a topic of its own
  - type: event                # Audience Entered and Audience Exited events, keyed by user
    name: email                # what send steps call it
    topic: email
    call: track                # the Segment call that each event is: track or identify
    attributes:                # output name: where its value comes from (traits. or entry.)
      first_name: traits.first_name
  - type: list                 # a compacted topic that holds the list as it now is
    name: ads
    topic: ads
    attributes: {}

profile_changes: null          # a topic for what update_profile steps change, as identify calls
decisions: null                # where decide steps ask a service: {requests: TOPIC, replies: TOPIC}
travel_log: null               # a topic for each stage that a user comes to, for measurement

api:                           # the HTTP API of workers, at `journeystream run --http-port`
  tokens: []                   # who may use it: [{name: shop, role: write, token: SECRET}]
  open: false                  # true: everybody may do everything, from this machine only
  advertise: null              # where other workers reach this one, as in http://worker-1:9100
  requests_per_second: 50      # requests of one token; more are told to wait
  body_bytes: 4194304          # a bigger body of a request is refused

kafka:
  bootstrap: 127.0.0.1:9092    # host:port, several with commas; or embedded: a broker for trials
  partitions: 8                # of the topics that `journeystream topics` creates
  replication: 1               # copies of each partition; 3 in production
  session_timeout: 10 seconds  # how long a worker may be silent before others take over
  instance: null               # this worker's name, the same over restarts, or null
  guarantee: exactly_once      # at_least_once: for brokers without transactions
  security:                    # how clients get in; docs/operating.md says more
    protocol: plaintext        # or tls, sasl_plaintext, sasl_tls
    ca_file: null              # who signed the brokers' certificates, or null: the system's
    certificate_file: null     # of this client, where brokers ask for one, with key_file
    key_file: null
    mechanism: null            # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
    username: null
    password: null             # never here: in JOURNEYSTREAM_KAFKA__SECURITY__PASSWORD
    password_file: null        # or in a file
    oauth: null                # {token_endpoint: …, client_id: …, client_secret_file: …}

state:
  directory: .journeystream/state  # relative to this file; Kafka holds a second copy
  block_cache_mb: 256          # memory for reading state
  standbys: 0                  # other workers with a copy of each partition, to take over fast

limits:
  journeys: 100                # journeys that are not archived
  steps: 100                   # steps in a journey
  exits: 10                    # exit conditions of a journey
  goals: 5                     # goals of a journey
  split_goals: 2               # goals of a percent split
  goals_in_all: 10             # goals of a journey and of all its splits
  journey_name: 73             # characters in a journey's name
  step_name: 170               # characters in a step's name
  key: 255                     # characters in the key of a send step
  message_bytes: 1048576       # a bigger source record goes to the dead letters
  dedup_window: 7 days         # how long a repeated messageId of a user is dropped
  dedup_ids: 100               # how many messageIds are remembered for a user
  clock_skew: 1 day            # events further ahead of the broker's time are dead letters
  oldest_event: 1980-01-01     # events from before this date (UTC) are dead letters
  dead_letters_in_a_row: 1000  # more of them without an event between stop the worker
  dead_letter_share: 0.5       # so does a larger share of a partition's newest 10,000 records
  stop_within: 30 seconds      # what a worker that is asked to end may take

ingest:                        # events by HTTP: journeystream ingest
  write_keys: []               # who may send; better in JOURNEYSTREAM_INGEST__WRITE_KEYS
  open: false                  # true: anybody may, without a key, on loopback only
  topic: null                  # the source that events go to; null: the first one
  origins: []                  # web sites whose pages may send, as in https://shop.example
  event_bytes: 32768           # of JSON in an event
  batch_bytes: 512000          # in a request's body, unpacked
  events_per_second: 10000     # of a write key, in the long run
  requests_in_flight: 100      # that wait for Kafka at one time
  acknowledge_within: 8 seconds  # what Kafka may take before a request is to come again
"""
