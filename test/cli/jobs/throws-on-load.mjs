import 'millrace';

throw new RangeError('not today');
