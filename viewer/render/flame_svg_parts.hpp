// SPDX-License-Identifier: Apache-2.0
// The fixed parts of flame_svg.cpp: style and script. The script reads geometry from the rectangles and names from
// their titles, and writes to text nodes and attributes only, so no name can become markup.
#pragma once

#include <string_view>

namespace neuroperf::viewer {

// Blue against orange stays apart for every common colour blindness; the kernel is dark, the frame around is grey.
inline constexpr std::string_view kFlameStyle = R"css(
svg { background: #fff; font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px; fill: #1c2024; }
.head { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 17px; font-weight: 600; }
.note { font-family: system-ui, "DejaVu Sans", sans-serif; fill: #59636e; }
.f { cursor: pointer; }
.f text, .key text { pointer-events: none; }
.f:hover rect { stroke: #1c2024; stroke-width: 1; }
.root rect, .process rect, .thread rect { fill: #dfe3e7; }
.layer.s0 rect { fill: #7db9e8; } .layer.s1 rect { fill: #8fc4ee; }
.layer.s2 rect { fill: #6caddf; } .layer.s3 rect { fill: #a0cef2; }
.layer text { font-weight: 700; }
.function.s0 rect { fill: #f4c989; } .function.s1 rect { fill: #f8d7a4; }
.function.s2 rect { fill: #f0bd72; } .function.s3 rect { fill: #fae0b8; }
.kernel rect { fill: #56616b; } .kernel.s1 rect { fill: #616d78; }
.kernel.s2 rect { fill: #4c565f; } .kernel.s3 rect { fill: #6b7782; }
.kernel text { fill: #fff; }
.around { opacity: 0.55; }
.searching .f { opacity: 0.3; }
.searching .hit { opacity: 1; }
.hit rect { stroke: #1c2024; stroke-width: 1.5; }
.gone { display: none; }
input { font: 12px system-ui, "DejaVu Sans", sans-serif; width: 100%; box-sizing: border-box; padding: 2px 6px;
	border: 1px solid #b4bcc4; border-radius: 4px; }
)css";

inline constexpr std::string_view kFlameScript = R"js(
(function () {
	'use strict';
	const svg = document.documentElement;
	const plot = svg.querySelector('#plot');
	const left = +plot.dataset.left, width = +plot.dataset.width, cell = +plot.dataset.cell;
	const detail = svg.querySelector('#detail'), found = svg.querySelector('#found');
	const hint = detail.textContent;
	const input = svg.querySelector('input');

	const frames = Array.from(plot.querySelectorAll('.f'), function (group) {
		const rect = group.querySelector('rect');
		const lines = group.querySelector('title').textContent.split('\n');
		return { group: group, rect: rect, text: group.querySelector('text'), name: lines[0], facts: lines[1],
			x: +group.dataset.x, w: +group.dataset.w, y: +rect.getAttribute('y') };
	});

	function columns(character) { return character.codePointAt(0) >= 0x1100 && !/[\u2000-\u2dff]/.test(character) ? 2 : 1; }

	function shortened(name, room) {
		const characters = Array.from(name);
		let used = 0;
		for (const c of characters)
			used += columns(c);
		if (used <= room)
			return name;
		if (room < 3)
			return '';
		let head = '', tail = '', space = room - 1, first = 0, last = characters.length - 1;
		for (let turn = 0; first <= last; turn++) {
			const c = turn % 2 ? characters[last] : characters[first];
			if (columns(c) > space)
				break;
			space -= columns(c);
			if (turn % 2) { tail = c + tail; last--; } else { head += c; first++; }
		}
		return head + '\u2026' + tail;
	}

	function place(frame, x, w) {
		frame.rect.setAttribute('x', x.toFixed(2));
		frame.rect.setAttribute('width', Math.max(w > 3 ? w - 0.8 : w, 0.1).toFixed(2));
		const label = shortened(frame.name, Math.floor((w - 8) / cell));
		if (!label && !frame.text)
			return;
		if (!frame.text) {
			frame.text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
			frame.text.setAttribute('y', frame.y + 13);
			frame.group.appendChild(frame.text);
		}
		frame.text.setAttribute('x', (x + 4).toFixed(2));
		frame.text.textContent = label;
	}

	function zoom(target) {
		const scale = width / target.w, slack = 0.001;
		for (const frame of frames) {
			const around = frame.y < target.y && frame.x <= target.x + slack &&
				frame.x + frame.w >= target.x + target.w - slack;
			const inside = frame.y >= target.y && frame.x >= target.x - slack &&
				frame.x + frame.w <= target.x + target.w + slack;
			frame.group.classList.toggle('gone', !around && !inside);
			frame.group.classList.toggle('around', around);
			if (around)
				place(frame, left, width);
			else if (inside)
				place(frame, left + (frame.x - target.x) * scale, frame.w * scale);
		}
	}

	function search(wanted) {
		const words = wanted.trim().toLowerCase();
		let end = -1, sum = 0; // of the outermost hits: frames stand in preorder
		for (const frame of frames) {
			const hit = words !== '' && frame.name.toLowerCase().includes(words);
			frame.group.classList.toggle('hit', hit);
			if (hit && frame.x >= end - 0.001) {
				sum += frame.w;
				end = frame.x + frame.w;
			}
		}
		plot.classList.toggle('searching', words !== '');
		found.textContent = words === '' ? '' : 'found in ' + (100 * sum / width).toFixed(1) + ' %';
	}

	function frame_of(event) {
		const group = event.target.closest ? event.target.closest('.f') : null;
		return group ? frames.find(function (frame) { return frame.group === group; }) : null;
	}

	plot.addEventListener('click', function (event) {
		const frame = frame_of(event);
		if (frame)
			zoom(frame);
	});
	plot.addEventListener('mouseover', function (event) {
		const frame = frame_of(event);
		detail.textContent = frame ? shortened(frame.name, 110) + '  \u2014  ' + frame.facts : hint;
	});
	plot.addEventListener('mouseleave', function () { detail.textContent = hint; });
	if (input)
		input.addEventListener('input', function () { search(input.value); });
	document.addEventListener('keydown', function (event) {
		if (event.key === 'Escape') {
			if (input && input.value) {
				input.value = '';
				search('');
			} else if (frames.length) {
				zoom(frames[0]);
			}
		} else if (event.key === '/' && input && event.target !== input) {
			input.focus();
			event.preventDefault();
		}
	});
})();
)js";

} // namespace neuroperf::viewer
