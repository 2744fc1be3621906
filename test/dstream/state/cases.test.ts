/** What state by key gives, by spark-semantics. */
import state, { cases } from '../../fixtures/jobs/state.ts';
import { testCases } from '../cases.ts';

testCases('state by key', state, cases);
testCases('state by key, on disk', state, cases, { stateStore: 'disk' });
