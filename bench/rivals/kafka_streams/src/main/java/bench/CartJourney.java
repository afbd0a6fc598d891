package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The cart journey in Kafka Streams, exactly once (v2).
 *
 * <p>State: two RocksDB stores with their changelogs, one of carts by user, one of timers by due
 * time. Timers fire by stream time, looked at each minute of it; what is due for a user also
 * fires before that user's next event. Both stores are cached, as those of the DSL are by default.
 * One stream thread, which is the default; other settings are defaults too. Carts are only looked
 * up for the two events that the journey reads: stream time moves with all of them.
 *
 * <p>Differences: a timer may be up to a minute of stream time late. No dedup of messageIds.
 */
public final class CartJourney {
  static final String CARTS = "carts";
  static final String TIMERS = "timers";
  static final long HOUR = Duration.ofHours(1).toMillis();
  static final long DAY = Duration.ofDays(1).toMillis();
  static final Set<String> READ = Set.of("Product Added", "Order Completed");
  static final DateTimeFormatter MILLIS =
      new DateTimeFormatterBuilder().appendInstant(3).toFormatter();

  @JsonIgnoreProperties(ignoreUnknown = true)
  record Event(String userId, String event, String timestamp) {
    long at() {
      return Instant.parse(timestamp).toEpochMilli();
    }
  }

  record Cart(long entered, long due, boolean reminded) {}

  record Output(
      String type,
      String event,
      String userId,
      String messageId,
      String timestamp,
      Map<String, String> properties) {}

  public static void main(String[] args) {
    Map<String, String> told = System.getenv();
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(CARTS), Serdes.String(), new Json<>(Cart.class))
            .withCachingEnabled());
    builder.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(TIMERS), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled());
    builder.stream(
            told.get("BENCH_SOURCE"),
            Consumed.with(Serdes.String(), new Json<>(Event.class))
                .withTimestampExtractor((record, before) -> ((Event) record.value()).at()))
        .filter((user, event) -> READ.contains(event.event()))
        .process(Journey::new, CARTS, TIMERS)
        .to(
            told.get("BENCH_OUTPUT"),
            Produced.with(Serdes.String(), new Json<>(Output.class)));
    KafkaStreams streams = new KafkaStreams(builder.build(), settings(told));
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static Properties settings(Map<String, String> told) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, told.get("BENCH_GROUP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told.get("BENCH_BOOTSTRAP"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, told.get("BENCH_STATE"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    return settings;
  }

  /** One partition: carts and timers of its users. */
  static final class Journey implements Processor<String, Event, String, Output> {
    private ProcessorContext<String, Output> context;
    private KeyValueStore<String, Cart> carts;
    private KeyValueStore<String, byte[]> timers;

    /** No timer lies before this key, so no scan begins before it; null: there is no timer. */
    private String first = timer(0, "");

    @Override
    public void init(ProcessorContext<String, Output> context) {
      this.context = context;
      carts = context.getStateStore(CARTS);
      timers = context.getStateStore(TIMERS);
      context.schedule(Duration.ofMinutes(1), PunctuationType.STREAM_TIME, this::fireAll);
    }

    @Override
    public void process(Record<String, Event> record) {
      String user = record.key();
      long now = record.timestamp();
      Cart before = carts.get(user);
      Cart cart = fire(user, before, now);
      if (record.value().event().equals("Order Completed")) {
        if (cart != null && cart.reminded()) {
          send(user, cart, "Exited", now);
        }
        cart = null;
      } else if (cart == null) {
        cart = new Cart(now, now + HOUR, false);
      }
      keep(user, before, cart);
    }

    /** Fire everybody's timers that are due. */
    private void fireAll(long now) {
      String end = timer(now + 1, "");
      if (first == null || first.compareTo(end) >= 0) {
        return;
      }
      try (KeyValueIterator<String, byte[]> left = timers.range(first, null)) {
        first = null;
        while (left.hasNext()) {
          KeyValue<String, byte[]> next = left.next();
          if (next.key.compareTo(end) >= 0) {
            first = first == null || next.key.compareTo(first) < 0 ? next.key : first;
            break;
          }
          String user = next.key.substring(next.key.indexOf('|') + 1);
          Cart before = carts.get(user);
          keep(user, before, fire(user, before, now));
        }
      }
    }

    /** Return a user's cart after what is due at `now`; null when the user is out. */
    private Cart fire(String user, Cart cart, long now) {
      if (cart != null && !cart.reminded() && now >= cart.due()) {
        send(user, cart, "Entered", cart.due());
        cart = new Cart(cart.entered(), cart.due() + DAY, true);
      }
      if (cart != null && cart.reminded() && now >= cart.due()) {
        send(user, cart, "Exited", cart.due());
        cart = null;
      }
      return cart;
    }

    private void keep(String user, Cart before, Cart after) {
      if (after == before) {
        return;
      }
      carts.put(user, after);
      if (before != null) {
        timers.delete(timer(before.due(), user));
      }
      if (after != null) {
        String key = timer(after.due(), user);
        timers.put(key, new byte[0]);
        first = first == null || key.compareTo(first) < 0 ? key : first;
      }
    }

    private void send(String user, Cart cart, String what, long at) {
      Output output =
          new Output(
              "track",
              "Audience " + what,
              user,
              "cart-" + user + "-" + cart.entered() + "-" + what,
              MILLIS.format(Instant.ofEpochMilli(at)),
              Map.of("cart", what.equals("Entered") ? "true" : "false"));
      context.forward(new Record<>(user, output, at));
    }

    private static String timer(long due, String user) {
      return String.format("%015d|%s", due, user);
    }
  }

  /** Values as JSON. */
  static final class Json<T> implements Serde<T> {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private final ObjectReader reader;
    private final ObjectWriter writer;

    Json(Class<T> type) {
      reader = MAPPER.readerFor(type);
      writer = MAPPER.writerFor(type);
    }

    @Override
    public Serializer<T> serializer() {
      return (topic, value) -> {
        try {
          return value == null ? null : writer.writeValueAsBytes(value);
        } catch (IOException error) {
          throw new UncheckedIOException(error);
        }
      };
    }

    @Override
    public Deserializer<T> deserializer() {
      return (topic, bytes) -> {
        try {
          return bytes == null ? null : reader.readValue(bytes);
        } catch (IOException error) {
          throw new UncheckedIOException(error);
        }
      };
    }
  }
}
