/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with names that try to break out of wherever they are printed. The same list stands in test_names.py. */
#include <neuroperf/neuroperf.h>

static const char *const names[] = {
	"\x1b[31mred\x1b[0m \x1b]0;title\x07",
	"</script><script>alert(1)</script>",
	"\"quoted\" 'single' `back`",
	"two\nlines\r\ttab",
	"invalid \xff\xfe\xc3 utf-8",
	"%s%n%d%%",
	"{0} {} {{ }} }, { 1, \"x\" }",
	"a;b;c 12",
	"\\",
	"",
	"&amp;<>&#0;]]>",
	"\xe2\x80\xae"
	"reversed",
	"\x9b"
	"31m eight-bit escape",
	"..\\/../etc",
	"\"), REC->layer, (\"",
};

int main(void)
{
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
			const np_layer_t layer = np_layer_define(names[i], names[i], 0);
			const np_inference_t inference = np_inference_define(names[i], names[i]);
			volatile unsigned work = 0;
			np_inference_begin(inference, round);
			np_layer_begin(layer);
			np_spikes(layer, i);
			while (work < 200000)
				work++;
			np_counter(np_counter_define(names[i], names[i]), 0.5);
			np_mark(np_mark_define(names[i]));
			np_layer_end(layer);
			np_inference_end(inference, round);
		}
	}
	return 0;
}
