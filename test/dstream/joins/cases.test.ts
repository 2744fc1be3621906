/** What joins, partitioners, and operators by key or partition give, by spark-semantics. */
import joins, { cases } from '../../fixtures/jobs/joins.ts';
import { testCases } from '../cases.ts';

testCases('joins and partitions', joins, cases);
