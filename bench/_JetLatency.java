import com.hazelcast.config.Config;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.jet.config.JobConfig;
import com.hazelcast.jet.config.ProcessingGuarantee;
import com.hazelcast.jet.datamodel.Tuple3;
import com.hazelcast.jet.Util;
import com.hazelcast.jet.pipeline.Pipeline;
import com.hazelcast.jet.pipeline.SinkBuilder;
import com.hazelcast.jet.pipeline.Sources;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;

/**
 * `latency` of bench/topology.mjs in Hazelcast Jet: one embedded member, two cooperative threads, no processing guarantee.
 * Lines over TCP -> filter -> map -> count by key -> sink. Prints a JSON line a second, in microseconds. Argument: a port.
 */
public class _JetLatency {
  static long nowUs() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000L + now.getNano() / 1000;
  }

  static class Clock implements Serializable {
    final int[] times = new int[2_000_001];
    long n;
    long next;

    void add(long us) {
      long now = nowUs();
      times[(int) Math.max(0, Math.min(times.length - 1, now - us))]++;
      n++;
      if (now < next) return;
      if (next != 0) {
        System.out.println("{\"n\":" + n + ",\"p50_us\":" + at(.5) + ",\"p99_us\":" + at(.99) + ",\"p999_us\":" + at(.999) + "}");
        System.out.flush();
      }
      Arrays.fill(times, 0);
      n = 0;
      next = now + 1_000_000;
    }

    int at(double q) {
      long seen = 0;
      for (int us = 0; us < times.length; us++) if ((seen += times[us]) > n * q) return us;
      return times.length;
    }
  }

  public static void main(String[] args) {
    System.setProperty("hazelcast.logging.type", "none");
    System.setProperty("hazelcast.phone.home.enabled", "false");
    Config config = new Config();
    config.getJetConfig().setEnabled(true).setCooperativeThreadCount(2);
    config.getNetworkConfig().setPort(15701).setPortAutoIncrement(true).getInterfaces().setEnabled(true).addInterface("127.0.0.1");
    config.getNetworkConfig().getJoin().getMulticastConfig().setEnabled(false);
    config.getNetworkConfig().getJoin().getAutoDetectionConfig().setEnabled(false);
    HazelcastInstance member = Hazelcast.newHazelcastInstance(config);
    Pipeline pipeline = Pipeline.create();
    pipeline.readFrom(Sources.socket("127.0.0.1", Integer.parseInt(args[0]), StandardCharsets.UTF_8))
        .withoutTimestamps()
        .filter(line -> line.length() > 16)
        .map(line -> {
          int first = line.indexOf(' ');
          int second = line.indexOf(' ', first + 1);
          return Util.entry(line.substring(first + 1, second), Long.parseLong(line.substring(0, first)));
        })
        .groupingKey(Map.Entry::getKey)
        .mapStateful(() -> new long[1], (count, key, entry) -> {
          count[0]++;
          return Tuple3.tuple3(key, count[0], entry.getValue());
        })
        .writeTo(SinkBuilder.sinkBuilder("clock", context -> new Clock())
            .<Tuple3<String, Long, Long>>receiveFn((clock, record) -> clock.add(record.f2()))
            .preferredLocalParallelism(1)
            .build());
    member.getJet().newJob(pipeline, new JobConfig().setProcessingGuarantee(ProcessingGuarantee.NONE)).join();
  }
}
