import eventTime, { cases } from '../../fixtures/jobs/event-time.ts';
import { testCases } from '../cases.ts';

testCases('event time, tables and promises', eventTime, cases);
