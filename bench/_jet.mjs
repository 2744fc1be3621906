// Hazelcast Jet for bench/topology.mjs: needs java, javac and the jar, which nobody has to have.
//
//   mvn dependency:copy -Dartifact=com.hazelcast:hazelcast:5.7.0 -DoutputDirectory=/tmp/jet
//   node bench/topology.mjs --jet /tmp/jet/hazelcast-5.7.0.jar
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { file } from './_util.mjs';

/** What Hazelcast asks for on Java 9 and later. */
const OPENED = [
  '--add-modules',
  'java.se',
  '--add-exports',
  'java.base/jdk.internal.ref=ALL-UNNAMED',
  ...[
    'java.base/java.lang',
    'java.base/sun.nio.ch',
    'java.management/sun.management',
    'jdk.management/com.sun.management.internal',
  ].flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
];

/** Compiles; gives command and arguments for a port. */
export function jetProgram(jar) {
  const classes = mkdtempSync(join(tmpdir(), 'bench-jet-'));
  const { status, stderr, error } = spawnSync(
    'javac',
    ['-cp', jar, '-d', classes, file('_JetLatency.java')],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`javac: ${error?.message ?? stderr}`);
  return (port) => [
    'java',
    ['-Xmx2g', ...OPENED, '-cp', [classes, jar].join(delimiter), '_JetLatency', String(port)],
  ];
}
