"""Let threads of compiled loops sleep while they wait for one another, instead of keeping a core busy.

OpenMP's threads spin while they wait, which gains microseconds on an idle machine.  Where other programs want the cores,
too, the thread that all wait for is not let in: a solve of 2 seconds took 97 beside one other busy program (two cores,
18,000 nodes), and 1.7 with sleeping threads.  OpenMP looks at this once, when its library is loaded, so it is said when this
package is first imported.  Who sets ``OMP_WAIT_POLICY`` keeps it.
(OpenMP specification 5.2, section 21.7, "OMP_WAIT_POLICY".)
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
